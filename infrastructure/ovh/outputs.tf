output "kubeconfig" {
  description = "tofu output -raw kubeconfig > kubeconfig; chmod 600 kubeconfig"
  value       = ovh_cloud_project_kube.cluster.kubeconfig
  sensitive   = true
}

output "postgres" {
  description = "Host and port for the DATABASE_URLs; its users and passwords are made in the control panel."
  value       = [for endpoint in ovh_cloud_project_database.postgres.endpoints : "${endpoint.domain}:${endpoint.port}"]
}

output "valkey" {
  description = "Host and port for REDIS_URL, which begins with rediss://."
  value       = [for endpoint in ovh_cloud_project_database.valkey.endpoints : "${endpoint.domain}:${endpoint.port}"]
}

output "database_network" {
  description = "For manifests/overlays/production/platform/networks.yaml: where Postgres, Valkey and the nodes are."
  value       = var.private_network
}

output "backup_bucket" {
  description = "BACKUP_S3_BUCKET; its user and keys are made in the control panel, for this bucket alone."
  value       = ovh_cloud_project_storage.backups.name
}
