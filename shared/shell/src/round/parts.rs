//! A run that has no time left: another invocation goes on with it, and the last one puts the parts together.

use lamplighter_aws::state::StateWriter;
use lamplighter_core::{Error, Mode, Part, Result, Run, chain};
use tracing::info;

use super::{Invocation, Round};
use crate::continuation;
use crate::settings::Settings;

impl Round {
    /// Leaves what there was no time for to the next part, and answers whether there is one: then this one is kept until
    /// the last, which becomes the whole run. Without a state each part is reported for itself.
    pub(super) async fn take_part(
        &self,
        settings: &Settings,
        invocation: &Invocation,
        run: &mut Run,
    ) -> Result<bool> {
        let mut goes_on = false;
        if let Some(unfinished) = self.session.unfinished() {
            let part = self.continuation.part(&self.run_id, unfinished);
            run.leave_to_next_part(part.clone());
            match self.hand_on(settings, invocation, &part, run).await {
                Ok(()) => goes_on = true,
                Err(error) => run.end_unfinished(&chain(&error)),
            }
        } else if !self.continuation.is_first() {
            run.part = Some(self.continuation.last_part(&self.run_id));
        }
        if let (Some(state), Some(part)) = (&self.state, &run.part)
            && !goes_on
            && run.mode != Mode::DryRun
        {
            match state.parts(&run.function, &part.chain, part.number).await {
                Ok(before) => *run = run.clone().after(before),
                Err(error) => run.went_wrong("state", chain(&error)),
            }
        }
        Ok(goes_on)
    }

    /// Keeps this part, and starts the next one.
    async fn hand_on(
        &self,
        settings: &Settings,
        invocation: &Invocation,
        part: &Part,
        run: &Run,
    ) -> Result<()> {
        let next = continuation::next(&invocation.envelope, part, run)?;
        let Some(arn) = &invocation.own_arn else {
            return Err(Error::permanent("only a Lambda can go on"));
        };
        if run.mode != Mode::DryRun
            && let Some(writer) =
                StateWriter::open(settings.config.state.url.as_ref(), &self.session)
        {
            writer.keep_part(run).await?;
        }
        settings.aws().await?.invoke(arn, &next).await?;
        info!("another invocation goes on with what is left");
        Ok(())
    }
}
