locals {
  # How many nodes a plan of managed databases has.
  database_nodes = { essential = 1, business = 2, enterprise = 3 }
  network_id     = ovh_cloud_project_network_private.nodes.regions_openstack_ids[var.region]
}

# Nodes have a public address, too: a trunk has to reach the bridges, and a bridge names its node's address in SDP.
resource "ovh_cloud_project_network_private" "nodes" {
  service_name = var.project
  name         = "${var.name}-nodes"
  vlan_id      = var.vlan_id
  regions      = [var.region]
}

resource "ovh_cloud_project_network_private_subnet" "nodes" {
  service_name = var.project
  network_id   = ovh_cloud_project_network_private.nodes.id
  region       = var.region
  network      = var.private_network
  start        = cidrhost(var.private_network, 256)
  end          = cidrhost(var.private_network, -2)
  dhcp         = true
  no_gateway   = true
}

resource "ovh_cloud_project_kube" "cluster" {
  service_name       = var.project
  name               = var.name
  region             = var.region
  version            = var.kubernetes_version
  update_policy      = "MINIMAL_DOWNTIME"
  private_network_id = local.network_id
  nodes_subnet_id    = ovh_cloud_project_network_private_subnet.nodes.id

  private_network_configuration {
    default_vrack_gateway              = ""
    private_network_routing_as_default = false
  }

  lifecycle {
    prevent_destroy = true
  }
}

resource "ovh_cloud_project_kube_iprestrictions" "api" {
  service_name = var.project
  kube_id      = ovh_cloud_project_kube.cluster.id
  ips          = var.admin_networks
}

resource "ovh_cloud_project_kube_nodepool" "pool" {
  for_each = var.pools

  service_name  = var.project
  kube_id       = ovh_cloud_project_kube.cluster.id
  name          = each.key
  flavor_name   = each.value.flavor
  desired_nodes = max(each.value.min, each.key == "workers" ? 1 : each.value.min)
  min_nodes     = each.value.min
  max_nodes     = each.value.max
  autoscale     = true
  anti_affinity = each.key == "sip"
  # Workers go after a minute without a call (docs/operators/costs.md); a bridge's node not while traffic merely pauses.
  autoscaling_scale_down_unneeded_time_seconds = each.key == "workers" ? 60 : 1800

  template {
    metadata {
      annotations = {}
      finalizers  = []
      labels      = { "alloresto.com/pool" = each.key }
    }

    spec {
      unschedulable = false
      # "web" is not tainted: what has no pool of its own runs there, Knative too.
      taints = each.key == "web" ? [] : [{ key = "alloresto.com/pool", value = each.key, effect = "NoSchedule" }]
    }
  }

  lifecycle {
    ignore_changes = [desired_nodes] # the autoscaler's
  }
}

resource "ovh_cloud_project_database" "postgres" {
  service_name        = var.project
  description         = "${var.name}-postgres"
  engine              = "postgresql"
  version             = var.postgres.version
  plan                = var.postgres.plan
  flavor              = var.postgres.flavor
  disk_size           = var.postgres.disk_gb
  deletion_protection = true
  backup_time         = "01:10:00"

  dynamic "nodes" {
    for_each = range(local.database_nodes[var.postgres.plan])
    content {
      region     = var.database_region
      network_id = local.network_id
      subnet_id  = ovh_cloud_project_network_private_subnet.nodes.id
    }
  }

  ip_restrictions {
    description = "nodes"
    ip          = var.private_network
  }
}

resource "ovh_cloud_project_database_database" "alloresto" {
  service_name = var.project
  engine       = "postgresql"
  cluster_id   = ovh_cloud_project_database.postgres.id
  name         = "alloresto"
}

resource "ovh_cloud_project_database" "valkey" {
  service_name        = var.project
  description         = "${var.name}-valkey"
  engine              = "valkey"
  version             = var.valkey.version
  plan                = var.valkey.plan
  flavor              = var.valkey.flavor
  deletion_protection = true
  # Carts of live calls lie in it: evicting would lose them in silence.
  advanced_configuration = { maxmemory_policy = "noeviction" }

  dynamic "nodes" {
    for_each = range(local.database_nodes[var.valkey.plan])
    content {
      region     = var.database_region
      network_id = local.network_id
      subnet_id  = ovh_cloud_project_network_private_subnet.nodes.id
    }
  }

  ip_restrictions {
    description = "nodes"
    ip          = var.private_network
  }
}

resource "ovh_cloud_project_storage" "backups" {
  service_name = var.project
  region_name  = var.backup_region
  name         = "${var.name}-backups"
  hide_objects = true
  versioning   = { status = "enabled" }
}
