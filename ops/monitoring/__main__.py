"""Write what is made of the rules and of the dashboards' descriptions: ``python -m ops.monitoring``."""

from ops.monitoring import dashboards, proofs, rules

rules.OPERATOR_RULES.write_text(rules.operator_object())
dashboards.FILE.write_text(dashboards.config_map())
proofs.TABLE.write_text(proofs.table())
