"""The recipes for a Milvus cluster: they can be read, every version is pinned, and nobody gets in who should not."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

DEPLOY = Path(__file__).parent.parent / "deploy"
COMPOSE = yaml.safe_load((DEPLOY / "compose.yaml").read_text("utf-8"))
HELM = yaml.safe_load((DEPLOY / "helm-values.yaml").read_text("utf-8"))


def settings() -> dict[str, Any]:
    """What Milvus is told by the values of its chart."""
    return dict(yaml.safe_load(HELM["extraConfigFiles"]["user.yaml"]))


def test_every_image_is_pinned_and_names_no_host() -> None:
    """The same version tomorrow, and from wherever a machine fetches its images."""
    for service in COMPOSE["services"].values():
        assert re.fullmatch(r"[a-z]+/[a-z]+:[\w.-]*\d[\w.-]*", service["image"]), service["image"]
    images = {service["image"] for service in COMPOSE["services"].values()}
    milvus = {image for image in images if image.startswith("milvusdb/mil")}
    assert milvus == {f"{HELM['image']['all']['repository']}:{HELM['image']['all']['tag']}"}


def test_only_the_proxy_is_reached_and_only_from_this_machine() -> None:
    """Everything else lies in a network that leads nowhere."""
    for name, service in COMPOSE["services"].items():
        assert service.get("ports", []) == (["127.0.0.1:19530:19530"] if name == "proxy" else [])
        assert service["networks"] == (["inside", "outside"] if name == "proxy" else ["inside"])
    assert COMPOSE["networks"]["inside"]["internal"] is True
    assert HELM["service"]["type"] == "ClusterIP"
    assert HELM["ingress"]["enabled"] is HELM["attu"]["enabled"] is False


def test_a_password_is_asked_for_and_none_is_written_down() -> None:
    """A cluster that is started without one does not start."""
    environment = COMPOSE["services"]["proxy"]["environment"]
    assert environment["COMMON_SECURITY_AUTHORIZATIONENABLED"] == "true"
    for service in COMPOSE["services"].values():
        for name, value in service.get("environment", {}).items():
            if "PASSWORD" in name or "SECRET" in name:
                assert re.fullmatch(r"\$\{M\w+_PASSWORD:\?.*\}", value), name
    assert settings()["common"]["security"] == {"authorizationEnabled": True}
    (root,) = HELM["mixCoordinator"]["extraEnv"]
    assert root["valueFrom"]["secretKeyRef"]["name"] == HELM["minio"]["existingSecret"]


def test_both_recipes_hold_every_index_twice_and_map_its_texts() -> None:
    """The loss of one query node stops no question, and texts take no memory."""
    environment = COMPOSE["services"]["querynode-1"]["environment"]
    assert (environment["QUERYCOORD_CLUSTERLEVELLOADREPLICANUMBER"], environment["QUERYNODE_MMAP_SCALARFIELD"]) == (
        "2", "true")
    assert settings()["queryCoord"]["clusterLevelLoadReplicaNumber"] == 2
    assert settings()["queryNode"]["mmap"]["scalarField"] is True
    assert HELM["queryNode"]["replicas"] % 2 == 0
