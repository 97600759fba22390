"""A folder laid out as public collections of Sigma rules are.

The texts are made up; the layout is that of a large repository: rules by product, those of
emergencies and hunts apart, placeholders, what is deprecated or unsupported, tests, settings.
"""

import os


def uid(number):
    return f"{number:08x}-0000-4000-8000-000000000000"


def rule(title, number, source="product: windows\n  category: process_creation", **more):
    detection = more.pop("detection", "  selection:\n    Image|endswith: '\\tool.exe'\n")
    condition = more.pop("condition", "selection")
    keys = "".join(f"{key}: {value}\n" for key, value in more.items())
    return (
        f"title: {title}\nid: {uid(number)}\nrelated:\n  - id: {uid(number + 5000)}\n"
        f"    type: similar\nstatus: {more.get('status', 'test')}\n"
        f"description: |\n  Finds what {title} does.\nreferences:\n  - https://example.com/{number}\n"
        f"author: A. Person (@person), B. Person\ndate: 2023-04-05\nmodified: 2024-01-02\n"
        f"tags:\n  - attack.execution\n  - cve.2023-0001\n"
        f"logsource:\n  {source}\ndetection:\n{detection}  condition: {condition}\n"
        f"falsepositives:\n  - Unknown\nlevel: high\n"
        + keys.replace(f"status: {more.get('status')}\n", "")
    )


CORRELATION = """\
title: Many of them
id: {id}
correlation:
  type: event_count
  rules:
    - {rule}
  group-by: [User]
  timespan: 10m
  condition:
    gte: 5
level: high
"""
FILTER = """\
title: Not the agent
id: {id}
logsource:
  product: windows
  category: process_creation
filter:
  rules:
    - {rule}
  selection:
    ParentImage|startswith: 'C:\\Agent\\'
  condition: not selection
"""
PIPELINE = "name: to another tool\npriority: 20\ntransformations:\n  - type: field_name_mapping\n"
HUNT = "  keywords:\n    - 'secret word'\n    - 'another*word'\n"
LISTED = (
    "  sel_img:\n    - Image|endswith: '\\a.exe'\n    - OriginalFileName: a.exe\n"
    "  sel_cli:\n    CommandLine|contains|all:\n      - ' -x '\n      - '/y'\n"
    "  filter_main_system:\n    User|contains: SYSTEM\n  filter_optional_x:\n    Image: null\n"
)
LISTED_CONDITION = "all of sel_* and not 1 of filter_main_* and not 1 of filter_optional_*"
GLOBAL = "action: global\ntitle: Old form\nid: {id}\nlogsource:\n  product: windows\n"


GOOD = {
    "rules/windows/process_creation/proc_creation_win_a.yml": 1,
    "rules/windows/process_creation/proc_creation_win_list.yml": 2,
    "rules/windows/builtin/security/win_security_bom.yml": 3,
    "rules/windows/builtin/security/win_security_crlf.yml": 4,
    "rules/cloud/aws/cloudtrail/aws_made_up.yml": 5,
    "rules/network/zeek/zeek_unknown.yml": 6,
    "rules/application/kubernetes/audit/k8s_odd_service.yml": 7,
    "rules/linux/auditd/lnx_ends_with_dots.YML": 8,
    "rules/web/webserver_generic/web_with_an_accent_é.yml": 9,
    "rules-emerging-threats/2023/Exploits/CVE-2023-0001/proc_creation_win_cve.yml": 10,
    "rules-threat-hunting/windows/hunt_keywords.yml": 11,
    "deprecated/windows/proc_creation_win_old.yml": 12,
    "rules-compliance/one_of_two.yml": 13,
}
TWO = {"rules/windows/registry/two_documents.yml": (20, 21), "rules/windows/old_form.yml": (30,)}


def files():
    good = {path: rule(f"Rule {number}", number) for path, number in GOOD.items()}
    names = list(GOOD)
    good[names[1]] = rule("Lists", 2, detection=LISTED, condition=LISTED_CONDITION)
    good[names[2]] = b"\xef\xbb\xbf" + good[names[2]].encode()
    good[names[3]] = good[names[3]].replace("\n", "\r\n")
    good[names[4]] = rule("Cloud", 5, "product: aws\n  service: cloudtrail", name="cloud_made_up",
                          detection="  selection:\n    eventName: CreateUser\n")  # fmt: skip
    good[names[5]] = rule("Zeek", 6, "product: zeek\n  service: never_heard_of\n  definition: >\n"
                          "    Needs a script that nobody has")  # fmt: skip
    good[names[7]] += "...\n"
    good[names[10]] = rule("Hunt", 11, "category: odd", detection=HUNT, condition="keywords")
    good[names[11]] = rule("Old", 12, status="deprecated")
    two = "---\n" + rule("First", 20) + "---\n# a remark\n" + rule("Second", 21)
    old = (
        GLOBAL.format(id=uid(30))
        + "---\ndetection:\n  selection:\n    EventID: 1\n  condition: selection\n"
    )
    return good | {
        "rules/windows/registry/two_documents.yml": two,
        "rules/windows/old_form.yml": old,
        # in other files than what they are about, by id and by name, before and behind it
        "rules/a_correlation_by_name.yml": CORRELATION.format(id=uid(40), rule="cloud_made_up"),
        "unsorted/correlation_by_id.yml": CORRELATION.format(id=uid(41), rule=uid(1)),
        "filters/filter_by_id.yml": FILTER.format(id=uid(42), rule=uid(2)),
        # no rules, and told so
        "pipelines/sysmon.yml": PIPELINE,
        "regression_data/windows/one/info.yml": "id: x\nrule_metadata:\n  - id: y\n",
        "tests/thor.yml": "logsources:\n  one:\n    product: windows\n",
        # faults
        "rules/windows/broken_yaml.yml": "title: x\nlogsource: {product: x\ndetection: [\n",
        "rules/windows/latin.yml": rule("Caf\u00e9", 50).encode("latin-1"),
        "rules/windows/wide.yml": rule("Wide", 51).encode("utf-16"),
        "rules/windows/empty.yml": "",
        "rules/windows/only_remarks.yml": "# nothing\n---\n# more\n",
        "rules/windows/process_creation/z_twice.yml": rule("Same id", 1),
        "rules/windows/huge.yml": "# " + "x" * (3 << 20),
        "rules/windows/tab.yml": "title: x\n\tlogsource: y\n",
        "rules/windows/no_detection.yml": "title: x\nlogsource: {product: windows}\n",
        "rules/windows/list.yml": "- title: x\n- title: y\n",
        "rules/windows/binary.yml": bytes(range(256)) * 4,
        "rules/windows/bomb.yml": "a: &a [x,x,x,x,x,x,x,x]\n" + "".join(
            f"{chr(98 + n)}: &{chr(98 + n)} [{','.join(['*' + chr(97 + n)] * 9)}]\n"
            for n in range(8)
        ) + "title: x\n",
        "rules/windows/deep.yml": "title: x\nlogsource: " + "{a: " * 60 + "1" + "}" * 60 + "\n",
        "rules-placeholder/windows/needs_a_list.yml": rule(
            "Place", 60, detection="  selection:\n    User|expand: '%admins%'\n"),
        "unsupported/windows/aggregation.yml": rule(
            "Count", 61, status="unsupported", condition="selection | count() by User > 5"),
        "unsorted/about_nothing.yml": CORRELATION.format(id=uid(62), rule=uid(999)),
        "unsorted/about_a_fault.yml": CORRELATION.format(id=uid(63), rule=uid(60)),
        "filters/filter_of_nothing.yml": FILTER.format(id=uid(64), rule="nobody"),
        # not looked at
        "README.md": "# Rules", "LICENSE": "Free", ".github/workflows/test.yml": "on: push\n",
        ".pre-commit-config.yaml": "repos: []\n", "documentation/logsource.md": "x",
        "regression_data/windows/one/x.json": "{}", "regression_data/windows/one/x.evtx": b"Elf",
        "tests/test_rules.py": "import os\n", "rules/windows/.hidden.yml": "x",
    }  # fmt: skip


FAULTS = {
    "rules/windows/broken_yaml.yml": (3, "not YAML"),
    "rules/windows/latin.yml": (1, "not UTF-8 (byte 10)"),
    "rules/windows/wide.yml": (1, "not UTF-8"),
    "rules/windows/empty.yml": (1, "no document"),
    "rules/windows/only_remarks.yml": (1, "no document"),
    "rules/windows/process_creation/z_twice.yml": (1, "is already the rule in"),
    "rules/windows/huge.yml": (1, "at most 2,097,152 bytes"),
    "rules/windows/tab.yml": (2, "not YAML"),
    "rules/windows/no_detection.yml": (1, "neither `detection`"),
    "rules/windows/list.yml": (1, "a rule is a map"),
    "rules/windows/binary.yml": (2, "not UTF-8"),
    "rules/windows/bomb.yml": (5, "more than 50,000 values"),
    "rules/windows/deep.yml": (2, "nested deeper"),
    "rules-placeholder/windows/needs_a_list.yml": (21, "placeholder %admins%"),
    "unsupported/windows/aggregation.yml": (23, "aggregations"),
    "unsorted/about_nothing.yml": (1, "is not loaded"),
    "unsorted/about_a_fault.yml": (1, "is not loaded"),
    "rules/linux/itself.yml": (1, "symbolic links"),
    "rules/linux/gone.yml": (1, "No such file"),
    "rules/linux/pipe.yml": (1, "no regular file"),
}
WARNINGS = {
    "pipelines/sysmon.yml": "it is no rule, it has name, priority, transformations",
    "regression_data/windows/one/info.yml": "it is no rule, it has id, rule_metadata",
    "tests/thor.yml": "it is no rule, it has logsources",
    "filters/filter_of_nothing.yml": "it filters 'nobody', which is not loaded",
    "rules/linux/around": "a link to a folder is not followed",
}


def write_collection(root):
    """Write it: GOOD and TWO give rules, FAULTS and WARNINGS one of these each."""
    for path, content in files().items():
        place = root / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content if isinstance(content, bytes) else content.encode())
    (root / "rules/linux/around").symlink_to(root / "rules")
    (root / "rules/linux/itself.yml").symlink_to(root / "rules/linux/itself.yml")
    (root / "rules/linux/gone.yml").symlink_to(root / "rules/linux/nowhere.yml")
    os.mkfifo(root / "rules/linux/pipe.yml")
    (root / "rules/linux/folder.yml").mkdir()
    return root
