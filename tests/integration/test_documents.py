"""What the package documents itself with comes from the programs: configuration, man pages, completion."""
import re
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from processes import PATIENCE, programs

WRITER = Path(__file__).resolve().parents[2] / "tools/packaging/documents"


def run(*arguments):
    return subprocess.run(arguments, capture_output=True, text=True, timeout=PATIENCE, check=True).stdout


def plain(page):
    """A man page without its escapes."""
    return re.sub(r"\\f[BIR]|\\&", "", page).replace("\\-", "-")


class Documents(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        directory = tempfile.TemporaryDirectory()
        cls.addClassCleanup(directory.cleanup)
        cls.directory = Path(directory.name)
        run("/usr/bin/python3", WRITER, programs(), cls.directory)

    def text(self, name):
        return (self.directory / name).read_text()

    def complete(self, program, *words):
        """What bash offers for the last word."""
        line = " ".join(words)
        script = (f'source {self.directory}/{program}.bash; COMP_WORDS=({program} {line}); '
                  f'COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); _{program.replace("-", "_")}; printf "%s\\n" "${{COMPREPLY[@]}}"')
        return set(run("bash", "-c", script).split())

    def test_the_configuration_works_unedited_and_has_every_key_with_its_default(self):
        gateway = programs() / "mqttsn-gateway"
        self.assertEqual(run(gateway, "--check-config", "--config", self.directory / "gateway.toml"), "configuration ok\n")
        lines = self.text("gateway.toml").splitlines()
        self.assertEqual([line for line in lines if re.match(r"\w", line)], ['state_dir = "/var/lib/mqttsn-gateway"'])
        missing = set(run(gateway, "--help-config").splitlines()[1:]) - set(lines)
        self.assertEqual(missing, {'#state_dir = ""'})

    def test_the_man_page_of_the_configuration_has_every_key(self):
        page = plain(self.text("mqttsn-gateway.toml.5"))
        keys = re.findall(r"^#(\w+ = .*)$", run(programs() / "mqttsn-gateway", "--help-config"), re.M)
        self.assertGreater(len(keys), 50)
        self.assertEqual([key for key in keys if f"\n{key}\n" not in page], [])

    def test_the_man_pages_of_the_programs_have_every_option(self):
        tools = programs() / "mqttsn"
        commands = re.findall(r"^  (\w+)  ", run(tools, "--help").partition("Subcommands:")[2], re.M)
        self.assertIn("pub", commands)
        for page, helps in (("mqttsn-gateway.8", [run(programs() / "mqttsn-gateway", "--help")]),
                            ("mqttsn.1", [run(tools, command, "--help") for command in commands])):
            text = plain(self.text(page))
            for option in re.findall(r"^  (?:-\w,)?(--[\w-]+)", "".join(helps), re.M):
                self.assertRegex(text, rf"\n(-\w, )?{option}( .*)?\n", page)

    def test_bash_completes_options_values_and_sub_commands(self):
        self.assertIn("--state-dir", self.complete("mqttsn-gateway", "--st"))
        self.assertEqual(self.complete("mqttsn-gateway", "--log-level", "d"), {"debug"})
        self.assertEqual(self.complete("mqttsn", "pu"), {"pub"})
        self.assertEqual(self.complete("mqttsn", "pub", "--topic-type", "s"), {"short"})
        self.assertIn("--topic", self.complete("mqttsn", "pub", "--to"))


if __name__ == "__main__":
    unittest.main()
