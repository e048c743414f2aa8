from __future__ import annotations

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from release_tool.config.model import Check, HeaderTest, JsonTest
from release_tool.config.read import parse
from release_tool.deploy.health.judge import Expected, ProbeResponse, judge, unusable
from release_tool.deploy.health.verdict import Reading
from release_tool.text.masking import Masker

COMMIT = "5f3c2a1b" * 5
EXPECTED = Expected(commit=COMMIT, version="1.3.0")


def answer(
    body: str = "", *, status: int = 200, cut: bool = False, seconds: float = 0.012, **headers: str
) -> ProbeResponse:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return ProbeResponse(seconds=seconds, status=status, headers=named, body=body.encode(), cut=cut)


def test_without_a_condition_any_successful_answer_is_good() -> None:
    assert judge(answer(), Check(), EXPECTED) == (Reading.OK, "200 in 12 ms")
    assert judge(answer(status=204), Check(), EXPECTED)[0] is Reading.OK
    assert judge(answer(status=199), Check(), EXPECTED)[0] is Reading.BAD
    assert judge(answer(status=503), Check(), EXPECTED) == (Reading.BAD, "503 in 12 ms: expected 200 to 299")


def test_only_the_status_that_was_asked_for_is_good() -> None:
    check = Check(status=(301, 401))

    assert judge(answer(status=401), check, EXPECTED)[0] is Reading.OK
    assert judge(answer(status=301, location="/"), check, EXPECTED)[0] is Reading.OK
    assert judge(answer(), check, EXPECTED) == (Reading.BAD, "200 in 12 ms: expected 301 or 401")


def test_a_redirect_is_bad_and_says_where_it_leads_without_what_may_be_secret() -> None:
    redirect = answer(status=302, location="https://ada:pw@sso.example.com/login?token=abc#x")

    assert judge(redirect, Check(), EXPECTED) == (
        Reading.BAD,
        "302 in 12 ms: a redirect to `https://sso.example.com/login`, and redirects are not followed",
    )


SECRET = "canary-" + "s3cr3t" * 40


@pytest.mark.parametrize(
    "check, told",
    [
        (Check(version_pointer="/version"), {"version": SECRET}),
        (Check(version_pointer="/version"), {"version": "x" * 70 + SECRET}),
        (Check(version_pattern='(canary-.*)"'), {"version": SECRET}),
        (Check(json=(JsonTest(pointer="/version", equal="up"),)), {"version": SECRET}),
        (Check(json=(JsonTest(pointer="", min=1),)), {"version": {"nested": SECRET}}),
    ],
)
def test_a_secret_longer_than_what_is_shown_is_masked_before_it_is_cut(check: Check, told: object) -> None:
    mask = Masker([SECRET])

    _, detail = judge(answer(json.dumps(told)), check, EXPECTED, mask)

    assert "***" in detail
    assert "canary" not in detail


def test_a_secret_in_a_header_is_masked_before_it_is_cut() -> None:
    mask, long = Masker([SECRET]), answer(status=302, location=f"https://x/{SECRET}", x_cache=f"hit {SECRET}")

    for check in (Check(), Check(status=(302,)), Check(status=(302,), version_header="X-Cache")):
        assert "canary" not in judge(long, check, EXPECTED, mask)[1]


@pytest.mark.parametrize("body", ["9" * 10_000, "[" * 50_000, '{"a":' * 50_000, "[" * 400 + "]" * 400, "1e999", "NaN"])
def test_an_answer_that_no_program_can_read_is_a_bad_one(body: str) -> None:
    check = Check(json=(JsonTest(pointer="", min=1, max=2),))

    assert judge(answer(body), check, EXPECTED)[0] is Reading.BAD


def test_headers_must_be_there_and_match() -> None:
    check = Check(headers=(HeaderTest(name="Content-Type", pattern="^application/json"),))

    assert judge(answer(content_type="application/json; charset=utf-8"), check, EXPECTED)[0] is Reading.OK
    assert judge(answer(content_type="text/html"), check, EXPECTED)[1].endswith(
        "the header Content-Type is `text/html`"
    )
    assert judge(answer(), check, EXPECTED)[1].endswith("there is no header Content-Type")


def test_the_body_must_hold_the_pattern_in_as_much_of_it_as_was_read() -> None:
    check = Check(body_pattern=r"status: (up|ready)")

    assert judge(answer("… status: ready …", cut=True), check, EXPECTED)[0] is Reading.OK
    assert judge(answer("down"), check, EXPECTED)[1].endswith("`body-pattern` is not in the answer")
    assert judge(answer("down", cut=True), check, EXPECTED)[1].endswith("of which only the first 4 bytes were read")


@pytest.mark.parametrize(
    "test, problem",
    [
        (JsonTest(pointer="/db/ok", equal=True), ""),
        (JsonTest(pointer="/db/ok", equal=1), "`/db/ok` is `true`, not `1`"),
        (JsonTest(pointer="/db/lag", equal=0), ""),
        (JsonTest(pointer="/db/lag", equal=False), "`/db/lag` is `0`, not `false`"),
        (JsonTest(pointer="/name", equal="shop"), ""),
        (JsonTest(pointer="/name", equal="other"), "`/name` is `shop`, not `other`"),
        (JsonTest(pointer="/queue", min=10, max=10), ""),
        (JsonTest(pointer="/queue", max=9.5), "`/queue` is `10`, more than 9.5"),
        (JsonTest(pointer="/queue", min=11), "`/queue` is `10`, less than 11"),
        (JsonTest(pointer="/db/ok", min=0), "`/db/ok` is `true`, not a number"),
        (JsonTest(pointer="/nothing"), ""),
        (JsonTest(pointer="/absent"), "there is no `/absent` in the JSON"),
        (JsonTest(pointer="/name/0"), "there is no `/name/0` in the JSON"),
        (JsonTest(pointer="/list/1/a~1b~0", equal=2), ""),
        (JsonTest(pointer="/list/-1"), "there is no `/list/-1` in the JSON"),
        (JsonTest(pointer="/list/01"), "there is no `/list/01` in the JSON"),
        (JsonTest(pointer=f"/list/{'9' * 5000}"), "there is no"),
        (JsonTest(pointer="/", equal="empty"), ""),
        (JsonTest(pointer=""), ""),
    ],
)
def test_json_is_compared_where_the_pointer_leads(test: JsonTest, problem: str) -> None:
    body = (
        '{"name": "shop", "db": {"ok": true, "lag": 0}, "queue": 10, "list": [1, {"a/b~": 2}], "nothing": null,'
        ' "": "empty"}'
    )

    reading, detail = judge(answer(body), Check(json=(test,)), EXPECTED)

    assert (reading is Reading.BAD) == bool(problem)
    assert problem in detail


@pytest.mark.parametrize("body", ["", "<html>", '{"a": 1', "[" * 100_000, '{"a": NaN}', "\udcff"])
def test_what_is_not_json_is_a_bad_answer(body: str) -> None:
    told = ProbeResponse(seconds=0, status=200, body=body.encode(errors="surrogateescape"))

    assert judge(told, Check(version_pointer="/version"), EXPECTED) == (
        Reading.BAD,
        "200 in 0 ms: the answer is not JSON",
    )


def test_json_with_a_byte_order_mark_is_read() -> None:
    assert judge(answer('\ufeff{"version": "1.3.0"}'), Check(version_pointer="/version"), EXPECTED)[0] is Reading.OK


def test_a_slow_answer_is_bad() -> None:
    check = parse(CONFIG, "release-tool.toml").environments["production"].checks[0]

    assert judge(answer(seconds=0.5), check, EXPECTED)[0] is Reading.OK
    assert judge(answer(seconds=0.51), check, EXPECTED) == (Reading.BAD, "200 in 510 ms: slower than 500 ms")


CONFIG = """
[environments.production]
command = ["./deploy.sh"]
[[environments.production.checks]]
latency = "500ms"
"""


# Which version answered


@pytest.mark.parametrize(
    "told",
    ["1.3.0", "v1.3.0", "V1.3.0", " 1.3.0\n", COMMIT, COMMIT.upper(), COMMIT[:7], COMMIT[:12]],
)
def test_the_expected_version_may_be_told_by_name_or_by_commit(told: str) -> None:
    assert EXPECTED.is_meant_by(told)


@pytest.mark.parametrize(
    "told", ["1.2.9", "1.3", "1.3.0+cloud.1", "1.3.0-rc.1", "", COMMIT[:6], COMMIT[1:9], "5f3c2a1b0"]
)
def test_anything_else_is_another_version(told: str) -> None:
    assert not EXPECTED.is_meant_by(told)


@pytest.mark.parametrize(
    "check, told",
    [
        (Check(version_pointer="/version"), answer('{"version": "%s"}')),
        (Check(version_header="X-Version"), answer(x_version="%s")),
        (Check(version_pattern="^version (.*)$"), answer("version %s")),
    ],
)
def test_the_right_version_is_ok_another_one_stale_and_none_bad(check: Check, told: ProbeResponse) -> None:
    def reading(version: str) -> Reading:
        body = told.body.replace(b"%s", version.encode())
        headers = {name: value.replace("%s", version) for name, value in told.headers.items()}
        return judge(msgspec.structs.replace(told, body=body, headers=headers), check, EXPECTED)[0]

    assert reading("1.3.0") is Reading.OK
    assert reading(COMMIT[:8]) is Reading.OK
    assert reading("1.2.9") is Reading.STALE
    assert reading(" ") is Reading.BAD
    assert judge(answer("{}"), check, EXPECTED)[0] is Reading.BAD


def test_the_detail_tells_which_version_it_was_and_where_it_was_looked_for() -> None:
    check = Check(version_pointer="/version")

    assert judge(answer('{"version": "1.3.0"}'), check, EXPECTED)[1] == "200 in 12 ms: it is `1.3.0`"
    assert judge(answer('{"version": "1.2.9"}'), check, EXPECTED)[1] == "200 in 12 ms: it is `1.2.9`, not `1.3.0`"
    assert judge(answer("{}"), check, EXPECTED)[1] == "200 in 12 ms: no version is found in `/version`"


@pytest.mark.parametrize("value", ["null", "true", "{}", "[]", '""', "9" * 5000])
def test_a_version_that_is_no_text_is_none(value: str) -> None:
    assert judge(answer(f'{{"v": {value}}}'), Check(version_pointer="/v"), EXPECTED)[0] is Reading.BAD


def test_a_bad_answer_is_bad_whichever_version_gives_it() -> None:
    for version in ("1.3.0", "1.2.9"):
        said = answer(f'{{"version": "{version}"}}', status=503)
        assert judge(said, Check(version_pointer="/version"), EXPECTED)[0] is Reading.BAD


def test_where_two_proofs_disagree_the_answer_is_stale() -> None:
    check = Check(version_pointer="/version", version_header="X-Version")

    assert judge(answer('{"version": "1.3.0"}', x_version="1.2.9"), check, EXPECTED)[0] is Reading.STALE


def test_an_answer_out_of_a_cache_says_so() -> None:
    assert judge(answer(age="86", x_cache="HIT from edge"), Check(), EXPECTED)[1] == (
        "200 in 12 ms from a cache (Age 86, X-Cache HIT from edge)"
    )
    assert judge(answer(age="0", x_cache="MISS"), Check(), EXPECTED)[1] == "200 in 12 ms"


@given(st.text(), st.text())
def test_no_answer_breaks_out_of_its_one_short_line(version: str, header: str) -> None:
    body = msgspec.json.encode({"version": version}).decode()

    _, detail = judge(answer(body, x_cache=f"hit {header}"), Check(version_pointer="/version"), EXPECTED)

    assert detail.isprintable() or all(not letter.isspace() or letter == " " for letter in detail)
    assert len(detail) < 300


# Checks that can't be asked


@pytest.mark.parametrize(
    "check, problem",
    [
        (Check(version_pattern="version (.*"), "`version-pattern`: missing ), unterminated subpattern at position 8"),
        (Check(version_pattern="version .*"), "`version-pattern`: expected one group, which is the version, got 0"),
        (Check(body_pattern="["), "`body-pattern`: unterminated character set at position 0"),
        (Check(headers=(HeaderTest(name="a", pattern="("),)), "`headers[0].pattern`: missing ), unterminated"),
        (Check(version_pointer="version"), "`version-pointer`: a JSON pointer begins with `/`, got `version`"),
        (Check(json=(JsonTest(pointer="a"),)), "`json[0].pointer`: a JSON pointer begins with `/`, got `a`"),
        (Check(kind="command"), "`command`: missing"),
        (Check(kind="tcp", version_header="X-Version"), "`kind`: a check by tcp has no status and no headers"),
        (Check(kind="tcp", version_pointer="/v"), "`kind`: a check by tcp reads no answer"),
    ],
)
def test_a_check_that_can_never_be_right_is_told_before_it_is_asked(check: Check, problem: str) -> None:
    assert next(unusable(check)).startswith(problem)


def test_a_check_with_everything_is_usable() -> None:
    check = Check(
        version_pointer="/version",
        version_pattern="(x)",
        body_pattern="up",
        json=(JsonTest(pointer=""),),
        headers=(HeaderTest(name="a", pattern="b"),),
    )
    assert list(unusable(check)) == []
    assert list(unusable(Check(kind="tcp"))) == []
