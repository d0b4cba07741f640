"""All rules, in the order in which a person would look, and the run through them."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from cluster.rules import edge, events, handler, presence, references, scaling, settings, sinks
from cluster.rules.findings import Finding
from cluster.rules.objects import ClusterObjects, Unread
from cluster.rules.reads import grant

Check = Callable[[ClusterObjects], Iterator[Finding]]


@dataclass(frozen=True, slots=True)
class Rule:
    """``holds`` says in words what is so when ``check`` finds nothing; ``subject`` what it looks at."""

    subject: str
    holds: str
    check: Check


INSTALLED = Rule("Knative", "Serving and Eventing are installed", presence.knative_is_installed)

CALL_RULES: tuple[Rule, ...] = (
    Rule("call-handler", "one call a pod", handler.takes_one_call_a_pod),
    Rule("call-handler", "the longest call may end", handler.lets_the_longest_call_end),
    Rule("call-handler", "a silent stream is not cut", handler.never_cuts_silence),
    Rule("call-handler", "nobody waits for ever for a first byte", handler.says_early_that_nobody_answers),
    Rule("call-handler", "may answer before the request has ended", handler.answers_while_it_is_asked),
    Rule("call-handler", "no token to mount, an HTTP readiness probe", handler.starts_fast),
    Rule("call-handler", "the activator stays in the path", scaling.keeps_the_activator_in_the_path),
    Rule("call-handler", "a pod is spare for the next call", scaling.keeps_spare_pods),
    Rule("call-handler", "pods follow the calls", scaling.counts_calls),
    Rule("call-handler", "room for every call, and a limit", scaling.has_room_for_every_call),
    Rule("call-handler", "nothing runs while nobody calls", scaling.goes_to_zero),
    Rule("edge-bridge", "calls go straight to the call handler", sinks.calls_go_straight_to_the_handler),
    Rule("outbox-relay", "events go to the Broker", sinks.events_go_to_the_broker),
    Rule("Triggers", "none takes the call itself", events.no_trigger_takes_the_call),
    Rule("Triggers", "each has its Broker", events.every_trigger_has_its_broker),
    Rule("Triggers, Brokers", "what fails is kept as a dead letter", events.failures_go_to_the_dead_letters),
    Rule("Triggers, sources", "somebody is there where events go", events.every_destination_is_there),
)
"""Those that the overlay of a laptop must keep as well; the others are about a cluster."""

MANIFEST_RULES: tuple[Rule, ...] = (
    Rule("AlloResto", "call-handler and edge-bridge are there", presence.the_product_is_here),
    Rule("config-network", "pods are addressed one by one", settings.pods_are_addressed_one_by_one),
    Rule("Knative's ConfigMaps", "are checked by its webhook", settings.knative_checks_its_settings),
    Rule("config-defaults", "long calls are allowed", settings.long_calls_are_allowed),
    Rule("config-defaults", "no idle timeout by default", settings.silence_is_not_cut_by_default),
    Rule("config-autoscaler", "scales to zero, and far enough", scaling.cluster_scales_to_zero),
    Rule("config-observability", "pod metrics are on", settings.pod_metrics_are_on),
    Rule("activator", "there is one", settings.there_is_one_activator),
    Rule("activator", "waits for its calls", settings.the_activator_waits_for_its_calls),
    *CALL_RULES,
    Rule("edge-bridge", "may mark busy handler pods", edge.the_bridge_may_mark_busy_pods),
    Rule("edge-bridge", "marks them in the right namespace", edge.the_bridge_finds_the_handlers_pods),
    Rule("edge-bridge", "its calls end before it does", edge.calls_end_before_the_bridge_does),
    Rule("edge-bridge", "is drained one at a time", edge.a_node_drain_takes_one_bridge_at_a_time),
    Rule("processes", "have the environment they need", edge.every_process_has_what_it_reads),
    Rule("Secrets, ConfigMaps", "everything referred to is there", references.everything_referred_to_is_there),
)
"""Those that manifests alone can break."""

RULES: tuple[Rule, ...] = (
    *MANIFEST_RULES,
    Rule("Knative", "says that everything is ready", presence.knative_says_ready),
)


def examine(objects: ClusterObjects, rules: Sequence[Rule] = RULES) -> list[Finding]:
    """Everything found by every rule; a rule that finds nothing says what holds.

    A rule that asked for something that could not be read does not say so: what could not be read is told at the
    end, once for each namespace and reason, with the rules that needed it.
    """
    missing = list(INSTALLED.check(objects))
    if missing:
        return missing
    findings: list[Finding] = []
    in_vain: dict[Unread, list[Rule]] = {}
    for rule in rules:
        seen = objects.fresh()
        found = list(rule.check(seen))
        for unread in sorted(seen.missed):
            in_vain.setdefault(unread, []).append(rule)
        if not found and not seen.missed:
            found = [Finding(rule.subject, True, rule.holds)]
        findings += found
    return findings + list(_not_examined({unread: of for unread, of in in_vain.items() if unread.why}))


def _not_examined(in_vain: Mapping[Unread, Sequence[Rule]]) -> Iterator[Finding]:
    together: defaultdict[tuple[str, str, str], list[Unread]] = defaultdict(list)
    for unread in in_vain:
        together[unread.namespace, unread.why, unread.fix].append(unread)
    for (namespace, why, fix), all_unread in together.items():
        rules = [rule for unread in all_unread for rule in in_vain[unread]]
        unknown = "; ".join(dict.fromkeys(f"{rule.subject}: {rule.holds}" for rule in rules))
        names = dict.fromkeys(f"{one.kind}/{one.name}" if one.name else f"{one.kind}s" for one in all_unread)
        yield Finding(
            ", ".join(names) + (f" in {namespace}" if namespace else ""),
            False,
            f"not examined, because {why}",
            fix or grant(namespace),
            consequence=f"not known: {unknown}",
            examined=False,
        )
