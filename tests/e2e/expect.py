"""Compares records with what a test expects, and tells a story step by step; a failure shows what came back."""

import json
import traceback


def tell(steps, sidecar, *others):
    """Runs named steps in order up to the first failure, then ends the sidecar; the answer is the exit code."""
    passed = failed = 0
    for name, step in [*steps, ("earwitness_ends_at_once_and_in_order", lambda: ends_in_order(sidecar))]:
        title = name.replace("_", " ")
        try:
            step()
        except Exception:  # whatever it was, it is the step's failure
            failed += 1
            print(f"FAIL  {title}\n{traceback.format_exc()}", flush=True)
            print(sidecar.process.log(), *[other.log() for other in others], sep="\n", flush=True)
            break
        passed += 1
        print(f"ok    {title}", flush=True)
    sidecar.process.stop()
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


def ends_in_order(sidecar):
    code = sidecar.process.stop()
    require(code == 0, "exit code 0 after SIGTERM", code)


def check(event, expected):
    """Compares members by dotted name; `change f` is a pair of values, each a subset of what is recorded."""
    for name, wanted in expected.items():
        if name == "changes":
            found, fits = len(event.get("changes", [])), len(event.get("changes", [])) == wanted
        elif name.startswith("change "):
            found = change_of(event, name.removeprefix("change "))
            fits = found is not None and all(map(is_within, wanted, found))
        else:
            found = member(event, name)
            fits = found == wanted
        require(fits, f"{name}: wanted {wanted!r}, found {found!r}", event)


def change_of(event, field):
    changes = [change for change in event.get("changes", []) if change["field"] == field]
    return (changes[0].get("before"), changes[0].get("after")) if len(changes) == 1 else None


def is_within(wanted, found):
    if isinstance(wanted, dict) and isinstance(found, dict):
        return all(is_within(value, found.get(name)) for name, value in wanted.items())
    return wanted == found


def member(value, dotted):
    for name in dotted.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    return value


def exactly(events, count):
    require(len(events) == count, f"{count} events wanted, {len(events)} found", events)
    return events


def require(fits, what, shown):
    if not fits:
        raise AssertionError(f"{what}\n--- what came back\n{pretty(shown)}")


def pretty(value):
    return json.dumps(value, indent=2, ensure_ascii=False)
