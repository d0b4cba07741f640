output "address" {
  description = "For the DNS record of the host, and for your trunk."
  value       = hcloud_primary_ip.address.ip_address
}

output "next" {
  description = "What to do then."
  value       = "ssh root@${hcloud_primary_ip.address.ip_address} tail -f /var/log/cloud-init-output.log"
}
