"""All rules, in the order in which a person would look, and the run through them."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from cluster.rules import (
    edge,
    edge_network,
    events,
    handler,
    presence,
    product,
    readiness,
    references,
    scaling,
    settings,
    sinks,
)
from cluster.rules.findings import Finding
from cluster.rules.objects import ClusterObjects, Unread
from cluster.rules.reads import grant

Check = Callable[[ClusterObjects], Iterator[Finding]]


@dataclass(frozen=True, slots=True)
class Rule:
    """``holds`` says in words what is so when ``check`` finds nothing; ``subject`` what it looks at.

    ``about`` gives what it looks at; where that is not there, nothing holds, and another rule says what is missing.
    """

    subject: str
    holds: str
    check: Check
    about: Callable[[ClusterObjects], object] | None = None


INSTALLED = Rule("Knative", "Serving and Eventing are installed", presence.knative_is_installed)

CALL_RULES: tuple[Rule, ...] = (
    Rule("call-handler", "one call a pod", handler.takes_one_call_a_pod, product.handler),
    Rule("call-handler", "the longest call may end", handler.lets_the_longest_call_end, product.handler),
    Rule("call-handler", "a silent stream is not cut", handler.never_cuts_silence, product.handler),
    Rule(
        "call-handler",
        "nobody waits for ever for a first byte",
        handler.says_early_that_nobody_answers,
        product.handler,
    ),
    Rule("call-handler", "may answer before the request has ended", handler.answers_while_it_is_asked, product.handler),
    Rule("call-handler", "no token to mount, an HTTP readiness probe", handler.starts_fast, product.handler),
    Rule("call-handler", "the activator stays in the path", scaling.keeps_the_activator_in_the_path, product.handler),
    Rule("call-handler", "a pod is spare for the next call", scaling.keeps_spare_pods, product.handler),
    Rule("call-handler", "pods follow the calls", scaling.counts_calls, product.handler),
    Rule("call-handler", "room for every call, and a limit", scaling.has_room_for_every_call, product.handler),
    Rule("call-handler", "nothing runs while nobody calls", scaling.goes_to_zero, product.handler),
    Rule("edge-bridge", "calls go straight to the call handler", sinks.calls_go_straight_to_the_handler, product.edge),
    Rule("outbox-relay", "events go to the Broker", sinks.events_go_to_the_broker, product.relay),
    Rule("Triggers", "none takes the call itself", events.no_trigger_takes_the_call, events.triggers),
    Rule("Triggers", "each has its Broker", events.every_trigger_has_its_broker, events.triggers),
    Rule(
        "Triggers, Brokers",
        "what fails is kept as a dead letter",
        events.failures_go_to_the_dead_letters,
        events.triggers,
    ),
    Rule("Triggers, sources", "somebody is there where events go", events.every_destination_is_there, events.triggers),
)
"""Those that the overlay of a laptop must keep as well; the others are about a cluster."""

MANIFEST_RULES: tuple[Rule, ...] = (
    Rule("AlloResto", "call-handler and edge-bridge are there", presence.the_product_is_here),
    Rule(
        "config-network", "pods are addressed one by one", settings.pods_are_addressed_one_by_one, settings.config_maps
    ),
    Rule(
        "Knative's ConfigMaps", "are checked by its webhook", settings.knative_checks_its_settings, settings.config_maps
    ),
    Rule("config-defaults", "long calls are allowed", settings.long_calls_are_allowed, settings.config_maps),
    Rule("config-defaults", "no idle timeout by default", settings.silence_is_not_cut_by_default, settings.config_maps),
    Rule("config-autoscaler", "scales to zero, and far enough", scaling.cluster_scales_to_zero, settings.config_maps),
    Rule("config-observability", "pod metrics are on", settings.pod_metrics_are_on, settings.config_maps),
    Rule("config-features", "permits the pods' fields", settings.fields_of_pods_are_permitted, settings.config_maps),
    Rule("activator", "there is one", settings.there_is_one_activator, product.activator),
    Rule("activator", "waits for its calls", settings.the_activator_waits_for_its_calls, product.activator),
    *CALL_RULES,
    Rule("edge-bridge", "may mark busy handler pods", edge.the_bridge_may_mark_busy_pods, product.edge),
    Rule("call-handler", "is not evicted from a call", edge.a_pod_in_a_call_is_not_evicted, product.handler),
    Rule("edge-bridge", "marks them in the right namespace", edge.the_bridge_finds_the_handlers_pods, product.edge),
    Rule("edge-bridge", "its calls end before it does", edge.calls_end_before_the_bridge_does, product.edge),
    Rule("edge-bridge", "is drained one at a time", edge.a_node_drain_takes_one_bridge_at_a_time, product.edge),
    Rule(
        "edge-bridge",
        "its autoscaler alone says how many",
        edge.the_autoscaler_alone_says_how_many,
        product.edge_autoscaler,
    ),
    Rule("edge-bridge", "every call finds its ports", edge_network.every_call_finds_its_ports, product.edge),
    Rule("edge-bridge", "only trunks ring", edge_network.only_trunks_ring, product.edge),
    Rule("Kamailio", "has its certificate", edge_network.kamailio_has_its_certificate, edge_network.kamailio),
    Rule("processes", "have the environment they need", edge.every_process_has_what_it_reads, product.handler),
    Rule(
        "Secrets, ConfigMaps",
        "everything referred to is there",
        references.everything_referred_to_is_there,
        references.uses_anything,
    ),
)
"""Those that manifests alone can break."""

RULES: tuple[Rule, ...] = (
    *MANIFEST_RULES,
    Rule("Knative, AlloResto", "every part is there", readiness.every_part_is_there),
    Rule("Deployments, StatefulSets", "every part runs", readiness.every_part_runs, product.edge),
    Rule("Pods", "none waits for what will not come", readiness.pods_start, product.edge),
    Rule("Jobs", "none has failed", readiness.jobs_complete, product.edge),
    Rule("Services", "lead callers and requests to their pods", readiness.services_lead_to_pods, product.edge),
    Rule("Knative", "says that everything is ready", presence.knative_says_ready, product.handler),
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
        if not found and rule.about is not None and not rule.about(seen):
            continue
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
