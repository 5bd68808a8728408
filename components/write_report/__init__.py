from kfp_nas.components.write_report.component import write_report

__all__ = ["write_report"]
