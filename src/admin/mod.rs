//! Health, readiness and metrics over HTTP, for machines. It never changes anything and shows no patient data.
