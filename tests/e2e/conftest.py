import subprocess

import pytest

import g3nops
from g3nops import CODE, Home, base_environment, copy_home, faketime_library

pytest_plugins = ["emulators"]
homes = pytest.StashKey()


def pytest_configure(config):
    try:
        version = subprocess.run([g3nops.PROGRAM, "version"], capture_output=True, text=True, env=base_environment())
    except OSError as error:
        raise pytest.UsageError(f"{g3nops.PROGRAM} can't be run: {error}; set G3NOPS to the program")
    if version.returncode != 0:
        raise pytest.UsageError(f"{g3nops.PROGRAM} does not run: {version.stderr}")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    if report.failed:
        for home in item.stash.get(homes, []):
            report.sections.append(("stderr of serve", home.stderr()))
    return report


@pytest.fixture(scope="session")
def bare_template(tmp_path_factory):
    """A data directory with a secret code and nothing else."""
    home = Home(tmp_path_factory.mktemp("bare"))
    result = home.run("secret-set", "--new-secret-code-file", home.code_file)
    assert result.returncode == 0, result
    return home.data


@pytest.fixture(scope="session")
def sample_template(tmp_path_factory, bare_template):
    """And the sample stack with three tenants."""
    home = copy_home(bare_template, tmp_path_factory.mktemp("sample"))
    result = home.run("demo-data", "--orgs", 3, "--rows", 2000, "--objects", 400)
    assert result.returncode == 0, result
    return home.data


@pytest.fixture
def make_home(request, tmp_path):
    """Makes homes; at the end of the test no serve of theirs is left, and none has complained."""
    request.node.stash[homes] = []

    def make(template=None, name="h"):
        directory = tmp_path / name
        home = copy_home(template, directory) if template else Home(directory)
        request.node.stash[homes].append(home)
        return home

    yield make
    wrong = [complaint for home in request.node.stash[homes] for complaint in home.finish()]
    assert not wrong, wrong


@pytest.fixture
def bare(make_home, bare_template):
    return make_home(bare_template)


@pytest.fixture
def sample(make_home, sample_template):
    return make_home(sample_template)


@pytest.fixture(scope="module")
def shared(tmp_path_factory, sample_template):
    """One service over the sample stack for all tests of a module that leave it as it is."""
    home = copy_home(sample_template, tmp_path_factory.mktemp("shared") / "h")
    yield home.serve()
    wrong = home.finish()
    assert not wrong, f"{wrong}\n{home.stderr()}"


@pytest.fixture
def settable_clock():
    if not faketime_library():
        pytest.skip("libfaketime is not installed")


@pytest.fixture
def code():
    return CODE
