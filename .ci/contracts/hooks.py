"""Schemathesis' hooks: who makes a call, and ids that exist in the place of some that were made up."""

import os
import sys
import zlib
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import schemathesis  # noqa: E402
from people import People, Person  # noqa: E402

# The properties of characters that a user name may have, and those that the generator knows the characters of, roughly.
EXACT, KNOWN = r"\p{Alphabetic}\p{Mn}\p{Mc}\p{Nd}", r"\p{L}\p{M}\p{Nd}"
PEOPLE = People(os.environ["CONFAB_URL"])
DELETIONS = ("deleteMessage", "deleteMessageByAction", "postMessageDeletion")


@schemathesis.hook
def before_load_schema(context, raw_schema) -> None:
    name = raw_schema["components"]["schemas"]["Username"]
    assert EXACT in name["pattern"]
    name["pattern"] = name["pattern"].replace(EXACT, KNOWN)


@schemathesis.auth(refresh_interval=None)
class Token:
    """The token of whoever's turn it is."""

    def get(self, case, context):
        return PEOPLE.next()

    def set(self, case, person: Person, context):
        case.headers = {**(case.headers or {}), "Authorization": f"Bearer {person.token}"}
        put_ids_that_exist(case, person)


def put_ids_that_exist(case, person: Person) -> None:
    """Points three of four calls that were generated with a proper id at something that is there."""
    label = case.operation.definition.raw.get("operationId")
    for name, ids in ids_for(label, person).items():
        made_up = case.path_parameters.get(name)
        if isinstance(made_up, str) and len(made_up) == 36:
            # The same case has the same id whenever it is run again.
            choice = zlib.crc32(made_up.encode()) % (len(ids) + 1)
            case.path_parameters[name] = [made_up, *ids][choice]


def ids_for(label: str, person: Person) -> dict[str, list[str]]:
    if label == "listHistory":
        return {"userId": [person.partner] * 3}
    if label in DELETIONS:
        return {"id": person.deletable + person.foreign}
    if label in ("editMessage", "replaceMessage"):
        return {"id": person.editable + person.foreign}
    return {}


@schemathesis.check
def valid_data_is_refused_for_its_meaning_only(context, response, case) -> None:
    """Names may be taken, a cursor may be of another conversation or one too many, and of letters beyond ASCII the generator knows roughly which there are."""
    if response.status_code != 400 or not case.meta.generation.mode.is_positive:
        return
    problem = response.json()
    if problem.get("code") in ("username_taken", "email_taken"):
        return
    fields = [error["field"] for error in problem.get("errors", [])]
    if fields == ["username"] and not case.body["username"].isascii():
        return
    if fields == ["after"] and {"before", "after"} <= set(case.query):
        return
    # To JSON Schema 185.0 is a whole number, too.
    if fields == ["seq"] and isinstance(case.body["seq"], float):
        return
    assert fields == ["before"] and len(str(case.query["before"])) == 36, f"valid data was refused: {problem}"
