variable "name" {
  type        = string
  description = "Of the server; begins the name of all else."
  default     = "alloresto"

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{0,30}$", var.name))
    error_message = "name: lower-case letters, digits and hyphens, at most 31, a letter first. Example: alloresto."
  }
}

variable "location" {
  type        = string
  description = "Where the server is."
  default     = "fsn1"

  validation {
    condition     = contains(["fsn1", "nbg1", "hel1"], var.location)
    error_message = "location: fsn1, nbg1 or hel1; a caller hears the distance of others."
  }
}

variable "server_type" {
  type        = string
  description = "Four cores and 8 GB carry thirty calls. x86 alone: the SIP stack has no other wheel."
  default     = "cx33"

  validation {
    condition     = can(regex("^c[cpx]x[0-9]+$|^cx[0-9]+$", var.server_type))
    error_message = "server_type: an x86 type, such as cx33 or ccx23; those that begin with cax are ARM, which the SIP stack lacks."
  }
}

variable "volume_gb" {
  type        = number
  description = "Of the volume with Postgres, recordings, keys and certificates."
  default     = 40

  validation {
    condition     = var.volume_gb >= 10 && var.volume_gb <= 10240 && floor(var.volume_gb) == var.volume_gb
    error_message = "volume_gb: a whole number from 10 to 10240."
  }
}

variable "ssh_public_key" {
  type        = string
  description = "Your own public key, one line. The private one stays with you."

  validation {
    condition     = can(regex("^(ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp256) [A-Za-z0-9+/=]+( [A-Za-z0-9@._ -]+)?$", var.ssh_public_key))
    error_message = "ssh_public_key: not a line of a .pub file. Example: file content of ~/.ssh/id_ed25519.pub."
  }
}

variable "admin_networks" {
  type        = set(string)
  description = "Networks that may reach SSH: yours."

  validation {
    condition     = length(var.admin_networks) > 0 && alltrue([for one in var.admin_networks : can(cidrhost(one, 0))])
    error_message = "admin_networks: at least one network with its length. Example: [\"203.0.113.7/32\"]."
  }

  validation {
    condition     = !contains(var.admin_networks, "0.0.0.0/0")
    error_message = "admin_networks: 0.0.0.0/0 opens SSH to everybody. Name your own networks."
  }
}

variable "trunk_signalling" {
  type        = set(string)
  description = "The trunks' networks that INVITEs come from (IPv4)."

  validation {
    condition     = length(var.trunk_signalling) > 0 && alltrue([for one in var.trunk_signalling : can(cidrnetmask(one))])
    error_message = "trunk_signalling: at least one IPv4 network with its length. Example: [\"192.0.2.0/24\"]."
  }

  validation {
    condition     = !contains(var.trunk_signalling, "0.0.0.0/0")
    error_message = "trunk_signalling: 0.0.0.0/0 lets anybody ring without a registration. Your trunk says its networks."
  }
}

variable "trunk_media" {
  type        = set(string)
  description = "The trunks' networks that audio comes from (IPv4)."

  validation {
    condition     = length(var.trunk_media) > 0 && alltrue([for one in var.trunk_media : can(cidrnetmask(one))])
    error_message = "trunk_media: at least one IPv4 network with its length. Example: [\"192.0.2.0/24\"]."
  }
}

variable "host" {
  type        = string
  description = "The name that will lead to the server: Caddy gets its certificate."

  validation {
    condition     = can(regex("^([a-z0-9]([a-z0-9-]*[a-z0-9])?\\.)+[a-z]{2,}$", var.host))
    error_message = "host: a full host name in lower case. Example: orders.example.com."
  }
}

variable "repository" {
  type        = string
  description = "Where this repository is cloned from, by HTTPS."

  validation {
    condition     = can(regex("^https://[A-Za-z0-9./_-]+$", var.repository))
    error_message = "repository: an https:// address without a user or a password: it can be read on the server."
  }
}

variable "commit" {
  type        = string
  description = "The commit to install, whole: a tag can be moved, a commit can't."

  validation {
    condition     = can(regex("^[0-9a-f]{40}$", var.commit))
    error_message = "commit: 40 hexadecimal digits. That of a release: git rev-parse v1.2.3^{commit}."
  }
}
