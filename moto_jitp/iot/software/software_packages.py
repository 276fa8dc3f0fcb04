"""Software packages and their versions.

https://docs.aws.amazon.com/iot/latest/developerguide/preparing-to-use-software-package-catalog.html

AWS publishes the codes of this family's errors but few of their texts: the others are our own
wording.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, TypeVar

from moto_jitp.history.acting_moment import acting_moment
from moto_jitp.iot.api.operations import Input, Output, operation
from moto_jitp.iot.api.paging import Page
from moto_jitp.iot.exceptions import (
    IoTError,
    PackageConflict,
    PackageQuotaExceeded,
    PackageValidation,
    ResourceNotFound,
)
from moto_jitp.iot.registry.registry import Registry
from moto_jitp.iot.registry.tags import Tags

DRAFT, PUBLISHED, DEPRECATED = "DRAFT", "PUBLISHED", "DEPRECATED"
MAX_PACKAGES = 100
"""The maximum number of packages of an account in a Region."""
MAX_VERSIONS = 10_000
"""The maximum number of versions of a package."""
MAX_ATTRIBUTES_BYTES = 3 * 1024

_PAGE = 100
_STATUS_AFTER = {"PUBLISH": PUBLISHED, "DEPRECATE": DEPRECATED}
_EDITED_IN_DRAFT = ("attributes", "artifact")
_DETAILS = (*_EDITED_IN_DRAFT, "description", "recipe")


class PackageVersion:
    """One version of a software package.

    Args:
        package: the package that it belongs to.
        name: its name, such as ``1.0.4``.
        arn: its ARN.
        details: the members of CreatePackageVersion that are returned, such as ``attributes``.
        client_token: the token of the call that made it.
    """

    def __init__(
        self,
        package: SoftwarePackage,
        name: str,
        arn: str,
        details: Mapping[str, Any],
        client_token: str | None,
    ) -> None:
        self.package = package
        self.name = name
        self.arn = arn
        self.details = dict(details)
        self.client_token = client_token
        self.status = DRAFT
        self.created_at = self.changed_at = acting_moment()

    @property
    def attributes(self) -> dict[str, str]:
        """Its attributes, name to value."""
        return dict(self.details.get("attributes") or {})

    def summary(self) -> dict[str, Any]:
        """Return its entry in ListPackageVersions."""
        return {
            "packageName": self.package.name,
            "versionName": self.name,
            "status": self.status,
            **_dates(self.created_at, self.changed_at),
        }

    def description(self) -> dict[str, Any]:
        """Return the answer of GetPackageVersion."""
        return {"packageVersionArn": self.arn, **self.summary(), **self.details}


class SoftwarePackage:
    """A software package.

    Args:
        name: its name, such as ``firmware``.
        arn: its ARN.
        description: its description, if it has one.
        client_token: the token of the call that made it.

    Attributes:
        versions: version name to version.
        default_version: the name of the default version; ``None`` if none is set.
    """

    def __init__(
        self, name: str, arn: str, description: str | None, client_token: str | None
    ) -> None:
        self.name = name
        self.arn = arn
        self.text = description
        self.client_token = client_token
        self.versions: dict[str, PackageVersion] = {}
        self.default_version: str | None = None
        self.created_at = self.changed_at = acting_moment()

    def summary(self) -> dict[str, Any]:
        """Return its entry in ListPackages."""
        summary = {"packageName": self.name, **_dates(self.created_at, self.changed_at)}
        if self.default_version is not None:
            summary["defaultVersionName"] = self.default_version
        return summary

    def description(self) -> dict[str, Any]:
        """Return the answer of GetPackage."""
        text = {} if self.text is None else {"description": self.text}
        return {"packageArn": self.arn, **self.summary(), **text}


_MadeT = TypeVar("_MadeT", SoftwarePackage, PackageVersion)


class SoftwarePackages:
    """Keeps the software packages of one account and Region.

    Args:
        registry: the account's and Region's tables.
        tags: their tags.
    """

    def __init__(self, registry: Registry, tags: Tags) -> None:
        self.registry = registry
        self.packages: dict[str, SoftwarePackage] = {}
        self._tags = tags
        tags.add_kind("package", self._by_path)

    def _by_path(self, path: str) -> SoftwarePackage | PackageVersion | None:
        """Find a package or a version by the end of its ARN."""
        package_name, slash, version = path.partition("/version/")
        return self.find_version(package_name, version) if slash else self.packages.get(path)

    def find_version(self, package_name: str, version_name: str) -> PackageVersion | None:
        """Return a version, or ``None`` if there is no such package or version."""
        package = self.packages.get(package_name)
        return None if package is None else package.versions.get(version_name)

    def package(self, name: str) -> SoftwarePackage:
        """Return a package.

        Raises:
            ResourceNotFound: there is none of that name.
        """
        package = self.packages.get(name)
        if package is None:
            raise ResourceNotFound(f"The software package {name} does not exist.")
        return package

    def version(self, package_name: str, version_name: str) -> PackageVersion:
        """Return a version of a package.

        Raises:
            ResourceNotFound: there is no such package, or no such version of it.
        """
        self.package(package_name)
        version = self.find_version(package_name, version_name)
        if version is None:
            raise ResourceNotFound(
                f"The software package {package_name} does not have a version {version_name}."
            )
        return version

    def create(self, arguments: Input) -> SoftwarePackage:
        """Make a package; a repeated call with the same client token returns the existing one.

        https://docs.aws.amazon.com/iot/latest/apireference/API_CreatePackage.html

        Args:
            arguments: the input of CreatePackage.

        Raises:
            PackageConflict: there is a package of that name.
            PackageQuotaExceeded: there are 100 already.
            PackageValidation: its tags are not valid.
        """
        name, token = arguments["packageName"], arguments.get("clientToken")
        with self.registry.lock:
            existing = self.packages.get(name)
            if existing is not None:
                text = f"The software package {name} already exists."
                return _made_by_same_call(existing, token, text)
            if len(self.packages) >= MAX_PACKAGES:
                raise PackageQuotaExceeded(
                    f"This account has {MAX_PACKAGES} software packages in this Region, the "
                    "maximum."
                )
            arn = self.registry.arn(f"package/{name}")
            package = SoftwarePackage(name, arn, arguments.get("description"), token)
            self._tag(arn, arguments)
            self.packages[name] = package
            return package

    def create_version(self, arguments: Input) -> PackageVersion:
        """Make a version, in draft.

        https://docs.aws.amazon.com/iot/latest/apireference/API_CreatePackageVersion.html

        Args:
            arguments: the input of CreatePackageVersion.

        Raises:
            PackageConflict: the package has a version of that name.
            PackageQuotaExceeded: it has 10,000 already.
            PackageValidation: there is no such package, or the attributes or tags are not valid.
        """
        package_name, name = arguments["packageName"], arguments["versionName"]
        token = arguments.get("clientToken")
        with self.registry.lock:
            package = self.packages.get(package_name)
            if package is None:
                # The operation does not declare ResourceNotFoundException.
                raise PackageValidation(f"The software package {package_name} does not exist.")
            existing = package.versions.get(name)
            if existing is not None:
                text = f"The software package {package_name} already has a version {name}."
                return _made_by_same_call(existing, token, text)
            if len(package.versions) >= MAX_VERSIONS:
                raise PackageQuotaExceeded(
                    f"The software package {package_name} has {MAX_VERSIONS} versions, the maximum."
                )
            _check_attributes(arguments)
            arn = self.registry.arn(f"package/{package_name}/version/{name}")
            details = _chosen(arguments, _DETAILS)
            version = PackageVersion(package, name, arn, details, token)
            self._tag(arn, arguments)
            package.versions[name] = version
            return version

    def _tag(self, arn: str, arguments: Input) -> None:
        # Here tags are a map, and errors about them belong to this family.
        tags = [
            {"Key": key, "Value": value} for key, value in (arguments.get("tags") or {}).items()
        ]
        try:
            self._tags.tag(arn, tags)
        except IoTError as error:
            raise PackageValidation(str(error.message)) from None

    def update(self, arguments: Input) -> None:
        """Change a package's description or its default version.

        https://docs.aws.amazon.com/iot/latest/apireference/API_UpdatePackage.html

        Args:
            arguments: the input of UpdatePackage.

        Raises:
            PackageConflict: the default version would be a draft.
            PackageValidation: a default version is both set and removed.
            ResourceNotFound: there is no such package or version.
        """
        default, unset = arguments.get("defaultVersionName"), arguments.get("unsetDefaultVersion")
        if default is not None and unset:
            raise PackageValidation(
                "Give either defaultVersionName or unsetDefaultVersion, not both."
            )
        with self.registry.lock:
            package = self.package(arguments["packageName"])
            if default is not None:
                version = self.version(package.name, default)
                if version.status == DRAFT:
                    raise PackageConflict(
                        f"The version {default} of the software package {package.name} is a "
                        "DRAFT; publish it before you make it the default version.",
                        version.arn,
                    )
                package.default_version = default
            elif unset:
                package.default_version = None
            package.text = arguments.get("description", package.text)
            package.changed_at = acting_moment()

    def update_version(self, arguments: Input) -> None:
        """Change a version, publish it, or deprecate it.

        https://docs.aws.amazon.com/iot/latest/apireference/API_UpdatePackageVersion.html

        Args:
            arguments: the input of UpdatePackageVersion.

        Raises:
            PackageConflict: its attributes or artifact would change although it is no longer a
                draft, or a draft would be deprecated.
            PackageValidation: its attributes are too large.
            ResourceNotFound: there is no such package or version.
        """
        with self.registry.lock:
            version = self.version(arguments["packageName"], arguments["versionName"])
            fixed = [name for name in _EDITED_IN_DRAFT if name in arguments]
            if fixed and version.status != DRAFT:
                raise PackageConflict(
                    f"The {' and the '.join(fixed)} of a version can be changed while it is a "
                    f"DRAFT; {version.name} of {version.package.name} is {version.status}.",
                    version.arn,
                )
            _check_attributes(arguments)
            action = arguments.get("action")
            if action == "DEPRECATE" and version.status == DRAFT:
                raise PackageConflict(
                    f"The version {version.name} of the software package {version.package.name} "
                    "is a DRAFT; only a published version can be deprecated.",
                    version.arn,
                )
            version.details.update(_chosen(arguments, _DETAILS))
            if action is not None:
                version.status = _STATUS_AFTER[action]
            version.changed_at = acting_moment()

    def delete(self, name: str) -> None:
        """Delete a package; a missing package is not an error.

        https://docs.aws.amazon.com/iot/latest/apireference/API_DeletePackage.html

        Raises:
            PackageValidation: it still has versions.
        """
        with self.registry.lock:
            package = self.packages.get(name)
            if package is None:
                return
            if package.versions:
                raise PackageValidation(
                    f"The software package {name} has {len(package.versions)} version(s); delete "
                    "them first."
                )
            del self.packages[name]
            self._tags.untag_all(package.arn)

    def delete_version(self, package_name: str, version_name: str) -> None:
        """Delete a version; a missing version is not an error.

        https://docs.aws.amazon.com/iot/latest/apireference/API_DeletePackageVersion.html

        Raises:
            PackageValidation: it is the default version.
        """
        with self.registry.lock:
            version = self.find_version(package_name, version_name)
            if version is None:
                return
            if version.package.default_version == version_name:
                raise PackageValidation(
                    f"{version_name} is the default version of the software package "
                    f"{package_name}; unset it with UpdatePackage before you delete it."
                )
            del version.package.versions[version_name]
            self._tags.untag_all(version.arn)


def _made_by_same_call(existing: _MadeT, token: str | None, text: str) -> _MadeT:
    """Return an existing resource if the call that made it is repeated.

    Raises:
        PackageConflict: another call made it.
    """
    if token is None or existing.client_token != token:
        raise PackageConflict(text, existing.arn)
    return existing


def _dates(created_at: datetime, changed_at: datetime) -> dict[str, Any]:
    return {"creationDate": created_at, "lastModifiedDate": changed_at}


def _chosen(arguments: Input, names: tuple[str, ...]) -> dict[str, Any]:
    return {name: arguments[name] for name in names if name in arguments}


def _check_attributes(arguments: Input) -> None:
    attributes = arguments.get("attributes") or {}
    size = sum(len(f"{key}{value}".encode()) for key, value in attributes.items())
    if size > MAX_ATTRIBUTES_BYTES:
        raise PackageValidation(
            f"The attributes of a package version can have {MAX_ATTRIBUTES_BYTES} bytes in total; "
            f"these have {size}."
        )


@operation("CreatePackage", SoftwarePackages)
def create_package(packages: SoftwarePackages, arguments: Input) -> Output:
    description = packages.create(arguments).description()
    return {
        name: description[name]
        for name in ("packageName", "packageArn", "description")
        if name in description
    }


@operation("GetPackage", SoftwarePackages)
def get_package(packages: SoftwarePackages, arguments: Input) -> Output:
    with packages.registry.lock:
        return packages.package(arguments["packageName"]).description()


@operation("UpdatePackage", SoftwarePackages)
def update_package(packages: SoftwarePackages, arguments: Input) -> None:
    packages.update(arguments)


@operation("DeletePackage", SoftwarePackages)
def delete_package(packages: SoftwarePackages, arguments: Input) -> None:
    packages.delete(arguments["packageName"])


@operation("ListPackages", SoftwarePackages)
def list_packages(packages: SoftwarePackages, arguments: Input) -> Output:
    page = Page("ListPackages", arguments, default_size=_PAGE)
    with packages.registry.lock:
        items_of_page = page.cut_sorted(packages.packages.values(), lambda package: package.name)
        return page.output("packageSummaries", [package.summary() for package in items_of_page])


@operation("CreatePackageVersion", SoftwarePackages)
def create_package_version(packages: SoftwarePackages, arguments: Input) -> Output:
    description = packages.create_version(arguments).description()
    unsaid = ("artifact", "recipe", "creationDate", "lastModifiedDate")
    return {name: value for name, value in description.items() if name not in unsaid}


@operation("GetPackageVersion", SoftwarePackages)
def get_package_version(packages: SoftwarePackages, arguments: Input) -> Output:
    with packages.registry.lock:
        return packages.version(arguments["packageName"], arguments["versionName"]).description()


@operation("UpdatePackageVersion", SoftwarePackages)
def update_package_version(packages: SoftwarePackages, arguments: Input) -> None:
    packages.update_version(arguments)


@operation("DeletePackageVersion", SoftwarePackages)
def delete_package_version(packages: SoftwarePackages, arguments: Input) -> None:
    packages.delete_version(arguments["packageName"], arguments["versionName"])


@operation("ListPackageVersions", SoftwarePackages)
def list_package_versions(packages: SoftwarePackages, arguments: Input) -> Output:
    page, status = (
        Page("ListPackageVersions", arguments, default_size=_PAGE),
        arguments.get("status"),
    )
    with packages.registry.lock:
        package = packages.packages.get(arguments["packageName"])
        versions = package.versions.values() if package is not None else ()
        matching_versions = [
            version for version in versions if status is None or version.status == status
        ]
        items_of_page = page.cut_sorted(matching_versions, lambda version: version.name)
        return page.output(
            "packageVersionSummaries", [version.summary() for version in items_of_page]
        )
