"""What AlloResto asks of Kubernetes and Knative: a typed client, and the rules of a cluster that loses no calls."""
