# What stop-untagged looks for, as a team would write it with boto3: the instances without the required tags. It says
# who it is, reads one region after the other, and answers with what it found.
import os

import boto3

REQUIRED = ["cost_center"]

ec2 = boto3.client("ec2", os.environ["AWS_REGION"])
sts = boto3.client("sts", os.environ["AWS_REGION"])


def handler(event, context):
    account = sts.get_caller_identity()["Account"]
    untagged, inspected = [], 0
    for page in ec2.get_paginator("describe_instances").paginate(MaxResults=1000):
        for reservation in page["Reservations"]:
            for instance in reservation["Instances"]:
                inspected += 1
                tags = {tag["Key"]: tag["Value"] for tag in instance.get("Tags", [])}
                if not all(tags.get(key) for key in REQUIRED):
                    untagged.append(instance["InstanceId"])
    return {"account": account, "inspected": inspected, "untagged": untagged}
