"""Everything that talks to a cluster: Kubeflow's API, and Jobs of Kubernetes."""
