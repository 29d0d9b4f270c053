"""Whether the agent called what the case takes, in this order, and nothing else."""

from stopship import Scored


def right_tools(case, trace):
    wanted = case.row["tools"]
    called = " ".join(one["name"] for one in trace.steps or [])
    reason = f"called {called or 'nothing'}, expected {wanted or 'nothing'}"
    return Scored(float(called == wanted), label="right" if called == wanted else "wrong", reason=reason)
