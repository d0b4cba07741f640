resource "hcloud_ssh_key" "admin" {
  name       = "${var.name}-admin"
  public_key = var.ssh_public_key
}

# Trunks and DNS know it, so it outlives the server.
resource "hcloud_primary_ip" "address" {
  name              = "${var.name}-address"
  type              = "ipv4"
  location          = var.location
  auto_delete       = false
  delete_protection = true
}

# Postgres, recordings, keys and certificates; it outlives the server, too. Backups are elsewhere.
resource "hcloud_volume" "data" {
  name              = "${var.name}-data"
  location          = var.location
  size              = var.volume_gb
  format            = "ext4"
  delete_protection = true

  lifecycle {
    prevent_destroy = true
  }
}

# In front of the server's own nftables (setup/site/etc/firewall.nft), which says the same.
resource "hcloud_firewall" "server" {
  name = var.name

  rule {
    description = "SSH"
    direction   = "in"
    protocol    = "tcp"
    port        = "22"
    source_ips  = var.admin_networks
  }

  rule {
    description = "HTTPS, and HTTP for certificates"
    direction   = "in"
    protocol    = "tcp"
    port        = "80"
    source_ips  = ["0.0.0.0/0", "::/0"]
  }

  rule {
    description = "HTTPS"
    direction   = "in"
    protocol    = "tcp"
    port        = "443"
    source_ips  = ["0.0.0.0/0", "::/0"]
  }

  rule {
    description = "SIP"
    direction   = "in"
    protocol    = "udp"
    port        = "5060"
    source_ips  = var.trunk_signalling
  }

  rule {
    description = "audio"
    direction   = "in"
    protocol    = "udp"
    port        = "10000-10199"
    source_ips  = var.trunk_media
  }

  rule {
    description = "ping"
    direction   = "in"
    protocol    = "icmp"
    source_ips  = ["0.0.0.0/0", "::/0"]
  }
}

resource "hcloud_server" "site" {
  name         = var.name
  server_type  = var.server_type
  image        = "debian-12"
  location     = var.location
  ssh_keys     = [hcloud_ssh_key.admin.id]
  firewall_ids = [hcloud_firewall.server.id]

  # No secret is in it: anybody on the server can read it. Keys are made on the server, yours are typed there.
  user_data = templatefile("${path.module}/cloud-init.yaml", {
    first_boot = base64encode(file("${path.module}/first-boot.sh"))
    settings = base64encode(join("\n", [
      "DEVICE=${hcloud_volume.data.linux_device}",
      "REPOSITORY=${var.repository}",
      "COMMIT=${var.commit}",
      "SITE_HOST=${var.host}",
      "SIGNALLING=${join(",", var.trunk_signalling)}",
      "MEDIA=${join(",", var.trunk_media)}",
      "",
    ]))
  })

  public_net {
    ipv4         = hcloud_primary_ip.address.id
    ipv4_enabled = true
    ipv6_enabled = true
  }

  lifecycle {
    # They are for the first boot; a change of one must not replace a server that answers the phone.
    ignore_changes = [user_data, ssh_keys, image]
  }
}

resource "hcloud_volume_attachment" "data" {
  volume_id = hcloud_volume.data.id
  server_id = hcloud_server.site.id
  automount = false
}
