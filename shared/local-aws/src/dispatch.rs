//! From a request to its answer: recognise the caller, find the operation, let a fault strike, answer, write the log.

use crate::auth::{self, Caller, Signature};
use crate::fault::{Fault, FaultKind, Faults};
use crate::log::Call;
use crate::policy::{self, Permission};
use crate::service::{Ask, Refusal, Route, SERVICES, Service};
use crate::wire::{AwsError, Request, Response};
use crate::world::World;

/// All that the server keeps.
pub(crate) struct State {
    pub(crate) world: World,
    pub(crate) faults: Faults,
    pub(crate) calls: Vec<Call>,
}

/// What the connection does next.
#[derive(Debug)]
pub(crate) enum Delivery {
    Answer(Response),
    /// Sends half of the body, then closes.
    Cut(Response),
    /// Closes.
    Reset,
    /// Waits.
    Stall,
}

/// Answers one request.
pub(crate) fn dispatch(state: &mut State, request: &Request) -> Delivery {
    state.world.settle();
    let request_id = state.world.next_id();
    let Some(signature) = Signature::read(request) else {
        let message = "Request is missing Authentication Token";
        let error = AwsError::new(403, "MissingAuthenticationToken", message);
        return Delivery::Answer(crate::sts::Sts.error(&error, &request_id));
    };
    let Some(service) = SERVICES
        .iter()
        .find(|service| service.name() == signature.service)
    else {
        return unknown_service(state, request, signature);
    };
    let route = service.route(request);
    let caller = auth::recognise(&state.world, request, &signature);
    let fault = caller.as_ref().ok().and_then(|caller| {
        let name = service.name();
        state
            .faults
            .strike(name, &route.action, &caller.account, &caller.region)
    });

    let mut permissions = match (&caller, route.operation) {
        (Ok(caller), Some(_)) => {
            let needs = policy::of_call(&state.world, caller, request, service.name(), &route);
            policy::judge(&state.world, caller, needs)
        }
        _ => vec![],
    };

    // What only looks has no effect to hold back.
    let has_effect = route.operation.is_some_and(|operation| operation.changes) && !route.dry_run;
    let result = match (&caller, &fault) {
        (Err(refusal), _) => Err(service.refusal(refusal)),
        (
            Ok(_),
            Some(Fault {
                kind: FaultKind::Answer(status, code),
                ..
            }),
        ) => Err(AwsError::new(*status, code, "injected by a fault")),
        (Ok(caller), Some(fault)) if fault.kind.is_refusal() => {
            Err(service.refusal(&refusal(fault.kind, *service, caller, &route)))
        }
        (Ok(caller), _) if permissions.iter().any(|one| one.is_denied) => Err(denied(
            &state.world,
            *service,
            request,
            caller,
            &permissions,
        )),
        (Ok(_), Some(fault)) if has_effect && !fault.after_effect => Ok(unsent(*service)),
        (Ok(caller), _) => run(
            &mut state.world,
            *service,
            request,
            caller,
            &route,
            &request_id,
        ),
    };
    let result = match (result, &caller) {
        (Err(error), Ok(caller)) if service.name() == "s3" && is_missing_object(&error) => {
            // Not even that it is missing is told to everybody.
            let need = policy::missing_object(request);
            permissions.extend(policy::judge(&state.world, caller, vec![need]));
            match permissions.iter().any(|one| one.is_denied) {
                true => Err(denied(
                    &state.world,
                    *service,
                    request,
                    caller,
                    &permissions,
                )),
                false => Err(error),
            }
        }
        (result, _) => result,
    };
    let error = result.as_ref().err().map(|error| error.code.clone());
    let response = result.unwrap_or_else(|error| service.error(&error, &request_id));
    let delivery = deliver(response, fault.as_ref());
    let status = match &delivery {
        Delivery::Answer(response) | Delivery::Cut(response) => response.status,
        Delivery::Reset | Delivery::Stall => 0,
    };
    state.calls.push(Call {
        number: state.calls.len() + 1,
        time: state.world.now(),
        account: caller
            .as_ref()
            .map(|caller| caller.account.clone())
            .unwrap_or_default(),
        region: signature.region,
        service: service.name().to_owned(),
        changes: has_effect,
        action: route.action,
        resources: route.resources,
        principal: caller
            .map(|caller| caller.principal)
            .unwrap_or(signature.access_key),
        dry_run: route.dry_run,
        status,
        error,
        fault: fault.map(|fault| fault.kind),
        permissions,
    });
    delivery
}

/// `GetObject` and `HeadObject` of what is not there, also by a version.
fn is_missing_object(error: &AwsError) -> bool {
    error.status == 404 && matches!(error.code.as_str(), "NoSuchKey" | "NoSuchVersion")
}

/// What a service answers when the caller's policy does not allow something that the call needs.
fn denied(
    world: &World,
    service: &dyn Service,
    request: &Request,
    caller: &Caller,
    permissions: &[Permission],
) -> AwsError {
    let refused = permissions.iter().find(|one| one.is_denied);
    let (action, resource) =
        refused.map_or(("", ""), |one| (one.action.as_str(), one.resource.as_str()));
    let principal = &caller.principal;
    let error = service.refusal(&Refusal::Denied {
        action: action.to_owned(),
        principal: principal.clone(),
    });
    match service.name() {
        // S3 tells the account's own principals why.
        // <https://docs.aws.amazon.com/AmazonS3/latest/userguide/troubleshoot-403-errors.html>
        "s3" => {
            let message = format!(
                "User: {principal} is not authorized to perform: {action} on resource: \"{resource}\" because no \
                 identity-based policy allows the {action} action"
            );
            let refused = AwsError::new(error.status, &error.code, message);
            // Where a bucket is, is told to those as well who may not do anything with it.
            // <https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadBucket.html>
            match crate::s3::region_of_bucket(world, request) {
                Some(region) => refused.detail("x-amz-bucket-region", region),
                None => refused,
            }
        }
        _ => error,
    }
}

/// Other services are not simulated; a call to one is logged all the same.
fn unknown_service(state: &mut State, request: &Request, signature: Signature) -> Delivery {
    let action = match request
        .header("x-amz-target")
        .or(request.form.get("Action"))
    {
        Some(action) => action.rsplit('.').next().unwrap_or_default().to_owned(),
        None => format!("{} {}", request.method, request.path),
    };
    let code = "NotImplemented";
    let message = format!("local-aws has no service `{}`", signature.service);
    state.calls.push(Call {
        number: state.calls.len() + 1,
        time: state.world.now(),
        account: String::new(),
        region: signature.region,
        service: signature.service,
        action,
        resources: Vec::new(),
        principal: signature.access_key,
        dry_run: false,
        changes: false,
        status: 501,
        error: Some(code.to_owned()),
        fault: None,
        permissions: vec![],
    });
    let body = serde_json::json!({ "__type": code, "message": message });
    Delivery::Answer(Response::json(501, &body))
}

fn run(
    world: &mut World,
    service: &dyn Service,
    request: &Request,
    caller: &Caller,
    route: &Route,
    request_id: &str,
) -> Result<Response, AwsError> {
    let Some(operation) = route.operation else {
        return Err(service.refusal(&Refusal::UnknownAction(route.action.clone())));
    };
    (operation.answer)(
        world,
        &Ask {
            request,
            caller,
            request_id,
            resources: &route.resources,
        },
    )
}

fn refusal(kind: FaultKind, service: &dyn Service, caller: &Caller, route: &Route) -> Refusal {
    match kind {
        FaultKind::Throttle => Refusal::Throttled,
        FaultKind::Denied => Refusal::Denied {
            action: format!("{}:{}", service.name(), route.action),
            principal: caller.principal.clone(),
        },
        _ => Refusal::Broken,
    }
}

/// Stands for the answer of an operation that a fault kept from its effect: no client reads it to its end.
fn unsent(service: &dyn Service) -> Response {
    let error = service.refusal(&Refusal::Broken);
    Response {
        status: 200,
        ..service.error(&error, "")
    }
}

fn deliver(response: Response, fault: Option<&Fault>) -> Delivery {
    match fault.map(|fault| fault.kind) {
        Some(FaultKind::Reset) => Delivery::Reset,
        Some(FaultKind::Stall) => Delivery::Stall,
        // Half of nothing would be a whole answer.
        Some(FaultKind::Truncate) if response.body.len() < 2 => Delivery::Reset,
        Some(FaultKind::Truncate) => Delivery::Cut(response),
        _ => Delivery::Answer(response),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ec2::Instance;
    use crate::testing::{ACCOUNT, REGION, Stage, short, world};

    fn stage() -> Stage {
        Stage::new(world().instance(ACCOUNT, REGION, Instance::new("i-1")))
    }

    fn stop(stage: &mut Stage) -> Delivery {
        let form = [("content-type", "application/x-www-form-urlencoded")];
        stage.deliver(
            "ec2",
            "POST",
            "/",
            &form,
            b"Action=StopInstances&InstanceId.1=i-1",
        )
    }

    fn state(stage: &Stage) -> &'static str {
        stage.state.world.instances(ACCOUNT, REGION)[0].state.name()
    }

    #[test]
    fn refusals_are_in_the_words_of_each_service() {
        let cases = [
            (
                FaultKind::Throttle,
                "ec2",
                "503 RequestLimitExceeded: Request limit exceeded.",
            ),
            (FaultKind::Throttle, "sts", "400 Throttling: Rate exceeded"),
            (
                FaultKind::Throttle,
                "s3",
                "503 SlowDown: Please reduce your request rate.",
            ),
            (
                FaultKind::ServerError,
                "ec2",
                "500 InternalError: An internal error has occurred",
            ),
            (
                FaultKind::Denied,
                "ec2",
                "403 UnauthorizedOperation: You are not authorized to perform this operation.",
            ),
            (FaultKind::Denied, "s3", "403 AccessDenied: Access Denied"),
            (
                FaultKind::Denied,
                "sts",
                "403 AccessDenied: User: arn:aws:iam::123456789012:user/lamplighter is not authorized to perform: sts:AssumeRole",
            ),
        ];
        for (kind, service, expected) in cases {
            let mut stage = stage();
            stage.inject(Fault::new(&format!("{service}:*"), kind));
            let response = match service {
                "ec2" => stage.query("ec2", "StopInstances", "InstanceId.1=i-1"),
                "sts" => stage.query("sts", "AssumeRole", ""),
                _ => stage.call("s3", "GET", "/bucket/key", &[], b""),
            };
            assert_eq!(short(&response), expected);
            assert_eq!(state(&stage), "running");
            assert_eq!(stage.state.calls[0].fault, Some(kind));
        }
    }

    #[test]
    fn a_lost_answer_comes_before_or_after_the_effect() {
        for (after_effect, expected) in [(false, "running"), (true, "stopping")] {
            for kind in [FaultKind::Reset, FaultKind::Stall, FaultKind::Truncate] {
                let mut stage = stage();
                stage.inject(Fault {
                    after_effect,
                    ..Fault::new("ec2:StopInstances", kind)
                });
                let delivery = stop(&mut stage);
                match kind {
                    FaultKind::Reset => assert!(matches!(delivery, Delivery::Reset)),
                    FaultKind::Stall => assert!(matches!(delivery, Delivery::Stall)),
                    _ => assert!(
                        matches!(delivery, Delivery::Cut(response) if response.status == 200)
                    ),
                }
                assert_eq!(state(&stage), expected, "{kind:?} {after_effect}");
            }
        }
    }

    #[test]
    fn every_call_is_logged() {
        let mut stage = stage();
        stage.inject(Fault::new("ec2:StopInstances", FaultKind::Throttle).first(1));
        let _ = stop(&mut stage);
        let _ = stop(&mut stage);
        let _ = stage.query("ec2", "DescribeInstances", "InstanceId.1=bogus");
        let _ = stage.call("s3", "PUT", "/bucket/a%20key", &[], b"");
        let _ = stage.query("kinesis", "PutRecord", "");
        let lines: Vec<String> = stage
            .state
            .calls
            .iter()
            .map(|call| {
                let changes = if call.changes { "changes" } else { "looks" };
                let error = call.error.as_deref().unwrap_or("ok");
                format!(
                    "{} {} {:?} {changes} {} {error}",
                    call.number,
                    call.name(),
                    call.resources,
                    call.status
                )
            })
            .collect();
        assert_eq!(
            lines,
            [
                "1 ec2:StopInstances [\"i-1\"] changes 503 RequestLimitExceeded",
                "2 ec2:StopInstances [\"i-1\"] changes 200 ok",
                "3 ec2:DescribeInstances [\"bogus\"] looks 400 InvalidInstanceID.Malformed",
                "4 s3:PutObject [\"bucket/a key\"] changes 404 NoSuchBucket",
                "5 kinesis:PutRecord [] looks 501 NotImplemented",
            ]
        );
        assert_eq!(
            stage.state.calls[1].principal,
            "arn:aws:iam::123456789012:user/lamplighter"
        );
    }
}
