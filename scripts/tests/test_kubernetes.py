"""The manifest for Kubernetes is valid by the API's own schema, and its parts fit each other."""

import shlex
from pathlib import Path

import pytest

yaml = pytest.importorskip("yaml")
kubernetes_validate = pytest.importorskip("kubernetes_validate")

FOLDER = Path(__file__).parents[1] / "kubernetes"


@pytest.fixture(scope="module")
def objects():
    with (FOLDER / "c10k.yaml").open() as manifest:
        return list(yaml.safe_load_all(manifest))


def only(objects, kind, name):
    found = [o for o in objects if o["kind"] == kind and o["metadata"]["name"] == name]
    assert len(found) == 1, f"{kind} {name}"
    return found[0]


def container(workload):
    (one,) = workload["spec"]["template"]["spec"]["containers"]
    return one


def test_every_object_is_valid_and_has_no_unknown_field(objects):
    assert [o["kind"] for o in objects] == ["Service", "Deployment", "Service", "Job"]
    for one in objects:
        kubernetes_validate.validate(one, desired_version="1.29", strict=True)


def test_an_unknown_field_would_be_seen(objects):
    job = only(objects, "Job", "c10k-load")
    wrong = job | {"spec": job["spec"] | {"completionmode": "Indexed"}}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, desired_version="1.29", strict=True)


def test_selectors_select_the_pods(objects):
    for service, workload in [
        ("c10k-server", only(objects, "Deployment", "c10k-server")),
        ("c10k-load", only(objects, "Job", "c10k-load")),
    ]:
        labels = workload["spec"]["template"]["metadata"]["labels"]
        assert only(objects, "Service", service)["spec"]["selector"].items() <= labels.items()
    deployment = only(objects, "Deployment", "c10k-server")["spec"]
    assert deployment["selector"]["matchLabels"] == deployment["template"]["metadata"]["labels"]
    for kind, name in [("Deployment", "c10k-server"), ("Job", "c10k-load")]:
        spec = only(objects, kind, name)["spec"]["template"]["spec"]
        (rule,) = spec["affinity"]["podAntiAffinity"][
            "requiredDuringSchedulingIgnoredDuringExecution"
        ]
        # No two pods share a node.
        assert rule["labelSelector"]["matchLabels"] == {"app": "c10k"}


def test_all_parts_run_at_a_time_and_none_twice(objects):
    spec = only(objects, "Job", "c10k-load")["spec"]
    assert spec["completionMode"] == "Indexed"
    assert spec["completions"] == spec["parallelism"]
    assert spec["backoffLimitPerIndex"] == 0
    assert spec["template"]["spec"]["restartPolicy"] == "Never"
    env = {one["name"]: one["value"] for one in container({"spec": spec})["env"]}
    assert env["C10K_PARTS"] == str(spec["completions"])


def test_the_parts_meet_at_a_name_that_exists(objects):
    job = only(objects, "Job", "c10k-load")
    env = {one["name"]: one["value"] for one in container(job)["env"]}
    host, port = env["C10K_RENDEZVOUS"].split(":")
    subdomain = job["spec"]["template"]["spec"]["subdomain"]
    # The pod of index 0 of an Indexed Job has the host name JOB-0.
    assert host == f"{job['metadata']['name']}-0.{subdomain}"
    service = only(objects, "Service", subdomain)["spec"]
    assert service["clusterIP"] == "None", "a headless service names its pods"
    assert service["publishNotReadyAddresses"] is True
    assert int(port) in [one["port"] for one in service["ports"]]
    assert int(port) in [one["containerPort"] for one in container(job)["ports"]]


def test_the_generators_load_the_service_of_the_server(objects):
    shell, flag, script = container(only(objects, "Job", "c10k-load"))["command"]
    assert (shell, flag) == ("sh", "-c")
    words = shlex.split(script)
    assert words[:3] == ["exec", "c10k", "load"]
    host, port = words[words.index("--target") + 1].split(":")
    service = only(objects, "Service", host)["spec"]
    assert [int(port)] == [one["port"] for one in service["ports"]]
    server = container(only(objects, "Deployment", "c10k-server"))
    listen = server["command"][server["command"].index("--listen") + 1]
    assert listen == f"0.0.0.0:{service['ports'][0]['targetPort']}"
    # The log holds nothing but the document.
    assert words[words.index("--json") + 1] == "-"
    assert words[-1].startswith("2>")
