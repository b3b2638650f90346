"""The commands of Helm that our guides use, for machines without Helm: helm_stand_in.py install|upgrade|test|uninstall|…

Charts are rendered by tools/chart-renderer, values are checked against values.schema.json, objects are applied by
kubectl; releases with their revisions are files below HELM_STAND_IN_HOME. Hooks run as Helm runs them: by weight, waited
for, removed by their delete policy. Only charts that are folders; options that are not known are refused.
"""

import argparse
import json
import os
import subprocess
import sys
import time

import jsonschema
import yaml

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
RENDERER = os.path.join(ROOT, ".build-chart-renderer", "chart-renderer")
HOOK_LIMIT_SECONDS = 300
FIELD_MANAGER = "helm"
# Helm creates in this order, so that what others refer to is there first.
ORDER = ["Namespace", "NetworkPolicy", "PodDisruptionBudget", "ServiceAccount", "Secret", "ConfigMap",
         "CustomResourceDefinition", "ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding", "Service"]  # fmt: skip


class HelmError(Exception):
    """What Helm would print after `Error:`."""


class Release:
    """The stored revisions of one release."""

    def __init__(self, name, namespace):
        self.name = name
        self.namespace = namespace
        folder = os.path.join(os.environ["HELM_STAND_IN_HOME"], namespace)
        os.makedirs(folder, exist_ok=True)
        self._path = os.path.join(folder, f"{name}.json")
        self.revisions = []
        if os.path.exists(self._path):
            with open(self._path, encoding="utf-8") as file:
                self.revisions = json.load(file)

    def current(self):
        """The latest revision: values, objects, hooks."""
        if not self.revisions:
            raise HelmError(f"release: not found: {self.name} in {self.namespace}")
        return self.revisions[-1]

    def add(self, revision):
        """Stores another revision."""
        self.revisions.append(revision)
        with open(self._path, "w", encoding="utf-8") as file:
            json.dump(self.revisions, file)

    def remove(self):
        """Forgets the release."""
        os.remove(self._path)


def kubectl(*arguments, objects=None, check=True):
    """Runs kubectl; returns the finished process."""
    text = None if objects is None else yaml.safe_dump_all(objects)
    done = subprocess.run(["kubectl", *arguments], input=text, capture_output=True, text=True, check=False)
    if check and done.returncode != 0:
        raise HelmError(done.stderr.strip())
    return done


def rendered(release, chart, files, settings, is_upgrade):
    """A revision of a chart: the user's values, its objects, its hooks."""
    subprocess.run(["bash", os.path.join(ROOT, "tools", "build-chart-renderer.sh"), RENDERER], check=True)
    options = [word for file in files for word in ("-f", file)] + [word for one in settings for word in ("-set", one)]
    base = [RENDERER, "-release", release.name, "-namespace", release.namespace, *options]
    if is_upgrade:
        base.append("-upgrade")

    def render(*extra):
        done = subprocess.run([*base, *extra, chart], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise HelmError(done.stderr.strip())
        return done.stdout

    with open(os.path.join(chart, "values.schema.json"), encoding="utf-8") as file:
        schema = json.load(file)
    try:
        jsonschema.validate(yaml.safe_load(render("-values")), schema)
    except jsonschema.ValidationError as error:
        raise HelmError(f"values don't meet the specifications of the schema: {error.message}") from error
    objects = [one for one in yaml.safe_load_all(render()) if one]
    return {
        "files": [open(file, encoding="utf-8").read() for file in files],
        "objects": [owned(one, release) for one in objects if not hook_events(one)],
        "hooks": [one for one in objects if hook_events(one)],
        "notes": render("-notes"),
    }


def owned(one, release):
    """With the marks by which Helm knows what is its own."""
    metadata = one["metadata"]
    metadata.setdefault("labels", {})["app.kubernetes.io/managed-by"] = "Helm"
    metadata.setdefault("annotations", {}).update(
        {"meta.helm.sh/release-name": release.name, "meta.helm.sh/release-namespace": release.namespace}
    )
    return one


def hook_events(one):
    """The events at which an object is a hook; none for ordinary objects."""
    text = one["metadata"].get("annotations", {}).get("helm.sh/hook", "")
    return [event.strip() for event in text.split(",") if event.strip()]


def identity(one):
    """What tells an object from others."""
    return one["apiVersion"].split("/")[0], one["kind"], one["metadata"].get("namespace"), one["metadata"]["name"]


def by_kind(objects):
    """In Helm's order."""
    return sorted(objects, key=lambda one: ORDER.index(one["kind"]) if one["kind"] in ORDER else len(ORDER))


def apply(revision, before=None):
    """Makes the cluster hold the objects of a revision, and no longer those only the one before had."""
    objects = by_kind(revision["objects"])
    if objects:
        kubectl("apply", "--server-side", "--force-conflicts", "--field-manager", FIELD_MANAGER, "-f", "-", objects=objects)
    kept = {identity(one) for one in objects}
    gone = [one for one in (before or {"objects": []})["objects"] if identity(one) not in kept]
    remove(gone)


def remove(objects):
    """Deletes objects, except those that say they stay."""
    going = [one for one in objects if one["metadata"].get("annotations", {}).get("helm.sh/resource-policy") != "keep"]
    if going:
        kubectl("delete", "--ignore-not-found", "--wait=true", "-f", "-", objects=list(reversed(by_kind(going))))


def run_hooks(revision, event):
    """Creates the hooks of an event one after the other; a pod or job that fails ends the command."""
    hooks = [one for one in revision["hooks"] if event in hook_events(one)]

    def weight(one):
        return int(one["metadata"]["annotations"].get("helm.sh/hook-weight", "0"))

    hooks.sort(key=lambda one: (weight(one), ORDER.index(one["kind"]) if one["kind"] in ORDER else len(ORDER)))
    for one in hooks:
        policy = one["metadata"]["annotations"].get("helm.sh/hook-delete-policy", "before-hook-creation")
        if "before-hook-creation" in policy:
            kubectl("delete", "--ignore-not-found", "--wait=true", "-f", "-", objects=[one])
        kubectl("create", "-f", "-", objects=[one])
        wait_for_hook(one, event)
    for one in hooks:
        if "hook-succeeded" in one["metadata"]["annotations"].get("helm.sh/hook-delete-policy", ""):
            kubectl("delete", "--ignore-not-found", "-f", "-", objects=[one])


def wait_for_hook(one, event):
    """Until a pod has succeeded or a job is complete; other kinds are done when they exist."""
    path = {"Pod": "{.status.phase}", "Job": "{.status.succeeded}{.status.failed}"}.get(one["kind"])
    if path is None:
        return
    deadline = time.monotonic() + HOOK_LIMIT_SECONDS
    name, namespace = one["metadata"]["name"], one["metadata"]["namespace"]
    while time.monotonic() < deadline:
        state = kubectl("get", one["kind"], name, "-n", namespace, "-o", f"jsonpath={path}").stdout
        if state in ("Succeeded", "1"):
            return
        if state == "Failed":
            raise HelmError(f"{event} hook failed: {one['kind']} {name} in {namespace}")
        time.sleep(0.3)
    raise HelmError(f"{event} hook timed out: {one['kind']} {name} in {namespace}")


def install(options):
    """helm install"""
    release = Release(options.name, options.namespace)
    if release.revisions:
        raise HelmError("cannot re-use a name that is still in use")
    if options.create_namespace and kubectl("get", "namespace", options.namespace, check=False).returncode != 0:
        kubectl("create", "namespace", options.namespace)
    roll_out(release, rendered(release, options.chart, options.values, options.set, False), "install")


def upgrade(options):
    """helm upgrade"""
    release = Release(options.name, options.namespace)
    if not release.revisions and options.install:
        return install(options)
    release.current()
    return roll_out(release, rendered(release, options.chart, options.values, options.set, True), "upgrade")


def roll_out(release, revision, word):
    """Hooks, objects, hooks, and the record."""
    before = release.revisions[-1] if release.revisions else None
    run_hooks(revision, f"pre-{word}")
    apply(revision, before)
    release.add(revision)
    run_hooks(revision, f"post-{word}")
    print(f"NAME: {release.name}\nNAMESPACE: {release.namespace}\nSTATUS: deployed\nREVISION: {len(release.revisions)}")
    print(f"NOTES:\n{revision['notes']}")


def rollback(options):
    """helm rollback: to the revision before, or the one that is named"""
    release = Release(options.name, options.namespace)
    number = options.revision or len(release.revisions) - 1
    if not 1 <= number <= len(release.revisions):
        raise HelmError(f"release has no {number} version")
    roll_out(release, release.revisions[number - 1], "rollback")


def uninstall(options):
    """helm uninstall"""
    for name in options.names:
        release = Release(name, options.namespace)
        revision = release.current()
        if not options.no_hooks:
            run_hooks(revision, "pre-delete")
        remove(revision["objects"])
        release.remove()
        print(f'release "{name}" uninstalled')


def test(options):
    """helm test"""
    run_hooks(Release(options.name, options.namespace).current(), "test")
    print(f"NAME: {options.name}\nSTATUS: tested")


def get_values(options):
    """helm get values"""
    if options.what != "values":
        raise HelmError(f"get {options.what} is not known here")
    print("\n".join(Release(options.name, options.namespace).current()["files"]), end="")


def parser():
    """The command line."""
    top = argparse.ArgumentParser(prog="helm", description=__doc__.splitlines()[0])
    commands = top.add_subparsers(required=True)

    def command(name, function):
        made = commands.add_parser(name)
        made.set_defaults(function=function)
        made.add_argument("-n", "--namespace", default="default")
        return made

    for name, function in (("install", install), ("upgrade", upgrade)):
        made = command(name, function)
        made.add_argument("name")
        made.add_argument("chart")
        made.add_argument("-f", "--values", action="append", default=[])
        made.add_argument("--set", action="append", default=[])
        made.add_argument("--create-namespace", action="store_true")
        made.add_argument("--wait", action="store_true")
        made.add_argument("-i", "--install", action="store_true")
    made = command("rollback", rollback)
    made.add_argument("name")
    made.add_argument("revision", nargs="?", type=int)
    made = command("uninstall", uninstall)
    made.add_argument("names", nargs="+")
    made.add_argument("--no-hooks", action="store_true")
    command("test", test).add_argument("name")
    made = command("get", get_values)
    made.add_argument("what")
    made.add_argument("name")
    return top


def main(arguments=None):
    """Runs one command; returns the exit status."""
    options = parser().parse_args(arguments)
    try:
        options.function(options)
    except HelmError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
