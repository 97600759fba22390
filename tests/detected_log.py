"""Events of several systems, out of order and with pauses, and rules about them."""

import msgspec

from whodid.clock import to_rfc3339

SECOND_US = 1_000_000
BEGIN_US = 1_795_000_000_000_000

RULES = """
title: Key made
id: 11111111-0000-4000-8000-000000000001
name: key_made
logsource: {product: aws, service: cloudtrail}
detection:
  selection: {eventName: [CreateAccessKey, CreateLoginProfile]}
  filter: {userIdentity.userName|endswith: '-bot'}
  condition: selection and not filter
fields: [userIdentity.userName]
level: high
---
title: Wide open
id: 11111111-0000-4000-8000-000000000002
logsource: {product: aws, service: cloudtrail}
detection:
  selection: {requestParameters.cidr: 0.0.0.0/0}
  condition: selection
level: medium
---
title: Many reads
id: 11111111-0000-4000-8000-000000000003
name: read
logsource: {product: whodid}
detection:
  selection: {access: read}
  condition: selection
level: low
---
title: Burst of reads
id: 11111111-0000-4000-8000-000000000004
correlation:
  generate: true
  type: event_count
  rules: [read]
  group-by: [actor.id]
  timespan: 1m
  condition: {gte: 6}
level: medium
---
title: Many resources
id: 11111111-0000-4000-8000-000000000005
correlation:
  generate: true
  type: value_count
  rules: [read]
  group-by: [source]
  timespan: 2m
  field: resource.name
  condition: {gte: 7}
level: low
---
title: Key, then read
id: 11111111-0000-4000-8000-000000000006
correlation:
  generate: true
  type: temporal_ordered
  rules: [key_made, read]
  group-by: [ip]
  timespan: 3m
level: high
---
title: New address
id: 11111111-0000-4000-8000-000000000007
correlation:
  generate: true
  type: new_value
  rules: [read]
  group-by: [actor.id]
  timespan: 1d
  field: ip
  learn: 5m
level: low
---
title: No read after a key
id: 11111111-0000-4000-8000-000000000008
correlation:
  generate: true
  type: absence
  rules: [key_made, read]
  group-by: [ip]
  timespan: 2m
level: low
"""


def deliveries(chance, count):
    """Yield (source, record, received µs): three systems, a fast clock, pauses."""
    now = BEGIN_US
    for number in range(count):
        now += chance.choice((0, 1, 1, 2, 5, 20)) * SECOND_US
        if chance.random() < 0.01:
            now += 900 * SECOND_US  # longer than a source may be silent
        source = chance.choice(("trail", "trail", "crm", "crm", "fast"))
        if source == "crm" and (now // (1800 * SECOND_US)) % 2:
            source = "trail"  # crm sleeps every other half hour
        late = chance.choice((0, 0, 1, 5, 30, 60))
        if chance.random() < 0.02:
            late = chance.choice((200, 5000, 90_000))
        if source == "fast":
            late = -chance.choice((1, 30, 400))
        when = to_rfc3339(now - late * SECOND_US)
        yield source, _record(chance, source, number, when), now


def _record(chance, source, number, when):
    who = chance.choice(("ann", "bob", "eve", "ci-bot"))
    ip = f"10.0.0.{chance.randrange(1, 5)}"
    if source == "trail":
        action = chance.choice(
            ("GetObject", "GetObject", "ListBuckets", "CreateAccessKey", "RunInstances")
        )
        return msgspec.json.encode({
            "eventVersion": "1.08", "eventID": f"id-{number}", "eventTime": when[:19] + "Z",
            "eventSource": "s3.amazonaws.com", "eventName": action, "awsRegion": "eu-west-1",
            "sourceIPAddress": ip, "userAgent": "cli",
            "userIdentity": {"type": "IAMUser", "userName": who, "arn": f"arn:aws:iam::1:{who}"},
            "requestParameters": {
                "bucketName": f"b{chance.randrange(9)}",
                **({"cidr": "0.0.0.0/0"} if chance.random() < 0.01 else {}),
            },
        })  # fmt: skip
    return msgspec.json.encode({
        "id": f"id-{number}", "timestamp": when, "userId": who, "ip": ip,
        "action": chance.choice(("READ", "READ", "READ", "DELETE")),
        "resource": f"r{chance.randrange(9)}",
    })  # fmt: skip
