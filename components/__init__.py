"""The steps of a search as Kubeflow components: a folder each, imports and one `pod_step`.

Imported as `kfp_nas.components`. They are compiled for the image that NAS_IMAGE names.
"""
