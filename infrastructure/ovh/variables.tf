variable "project" {
  type        = string
  description = "The id of the Public Cloud project: 32 hexadecimal digits, beside its name in the control panel."

  validation {
    condition     = can(regex("^[0-9a-f]{32}$", var.project))
    error_message = "project: not 32 hexadecimal digits. Copy the id below the project's name in the control panel."
  }
}

variable "name" {
  type        = string
  description = "Begins the name of all that is made."
  default     = "alloresto"

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{0,30}$", var.name))
    error_message = "name: lower-case letters, digits and hyphens, at most 31, a letter first. Example: alloresto."
  }
}

variable "region" {
  type        = string
  description = "Of the cluster and its network, such as GRA11."
  default     = "GRA11"

  validation {
    condition     = can(regex("^[A-Z]{2,4}[0-9]+$", var.region))
    error_message = "region: a region of one zone, such as GRA11 or SBG5. Those of your project: the control panel, Quota and Regions."
  }
}

variable "database_region" {
  type        = string
  description = "Of Postgres and Valkey: the region without its number, such as GRA."
  default     = "GRA"

  validation {
    condition     = can(regex("^[A-Z]{2,4}$", var.database_region))
    error_message = "database_region: letters alone, such as GRA for the region GRA11."
  }
}

variable "backup_region" {
  type        = string
  description = "Of the backups' bucket: another place than the cluster's."
  default     = "SBG"

  validation {
    condition     = can(regex("^[A-Z]{2,4}$", var.backup_region)) && !startswith(var.region, var.backup_region)
    error_message = "backup_region: letters alone, such as SBG, and not the region's own: a fire must not take both."
  }
}

variable "kubernetes_version" {
  type        = string
  description = "Minor version. Knative 1.21 and later want 1.33."
  default     = "1.34"

  validation {
    condition     = can(regex("^1\\.(3[3-9]|[4-9][0-9])$", var.kubernetes_version))
    error_message = "kubernetes_version: 1.33 or later, without a patch number. Example: 1.34."
  }
}

variable "admin_networks" {
  type        = set(string)
  description = "Networks that may reach the Kubernetes API: yours, and that of what deploys."

  validation {
    condition     = length(var.admin_networks) > 0 && alltrue([for one in var.admin_networks : can(cidrhost(one, 0))])
    error_message = "admin_networks: at least one network with its length. Example: [\"203.0.113.7/32\"]."
  }

  validation {
    condition     = !contains(var.admin_networks, "0.0.0.0/0")
    error_message = "admin_networks: 0.0.0.0/0 opens the Kubernetes API to everybody. Name your own networks."
  }
}

variable "private_network" {
  type        = string
  description = "Of nodes and databases; free in your vRack."
  default     = "10.80.0.0/16"

  validation {
    condition     = can(cidrhost(var.private_network, 1)) && tonumber(try(split("/", var.private_network)[1], 32)) <= 20
    error_message = "private_network: a network of /20 or larger. Example: 10.80.0.0/16."
  }
}

variable "vlan_id" {
  type        = number
  description = "Of the private network in your vRack."
  default     = 80

  validation {
    condition     = var.vlan_id >= 1 && var.vlan_id <= 4000
    error_message = "vlan_id: 1 to 4000, used by no other network of the vRack."
  }
}

variable "pools" {
  type = map(object({
    flavor = string
    min    = number
    max    = number
  }))
  description = "The three pools of nodes. The names are those that the manifests select: web, sip, workers."
  default = {
    web     = { flavor = "b3-8", min = 2, max = 4 }
    sip     = { flavor = "b3-8", min = 1, max = 5 }
    workers = { flavor = "b3-8", min = 0, max = 20 }
  }

  validation {
    condition     = toset(keys(var.pools)) == toset(["web", "sip", "workers"])
    error_message = "pools: exactly web, sip and workers; the manifests select nodes by these names."
  }

  validation {
    condition     = alltrue([for pool in values(var.pools) : pool.min >= 0 && pool.max >= max(pool.min, 1) && pool.max <= 100])
    error_message = "pools: min at least 0, max at least min and 1, and at most 100."
  }

  validation {
    condition     = try(var.pools["web"].min >= 1 && var.pools["sip"].min >= 1, false)
    error_message = "pools: web and sip need a node always (min at least 1): the phone is answered there."
  }
}

variable "postgres" {
  type = object({
    version = string
    plan    = string
    flavor  = string
    disk_gb = number
  })
  description = "Managed Postgres. The plan business has two nodes and point-in-time recovery."
  default     = { version = "17", plan = "business", flavor = "b3-8", disk_gb = 160 }

  validation {
    condition     = tonumber(var.postgres.version) >= 15
    error_message = "postgres: version 15 or later."
  }

  validation {
    condition     = contains(["essential", "business", "enterprise"], var.postgres.plan)
    error_message = "postgres: plan is essential (one node), business (two) or enterprise (three)."
  }
}

variable "valkey" {
  type = object({
    version = string
    plan    = string
    flavor  = string
  })
  description = "Managed Valkey, which speaks Redis."
  default     = { version = "8.0", plan = "business", flavor = "b3-8" }

  validation {
    condition     = contains(["essential", "business"], var.valkey.plan)
    error_message = "valkey: plan is essential (one node) or business (two)."
  }
}
