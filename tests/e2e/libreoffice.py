"""LibreOffice as the reader of what was exported."""

import subprocess
import xml.etree.ElementTree

# English and German: they differ in what separates fields, decimals and arguments.
LANGUAGES = [1033, 1031]
# Character codes of what a field may be taken to end at, one or all, and of what quotes one; as LibreOffice's filter has them.
COMMA, SEMICOLON, TAB, ANY, QUOTE, NONE = "44", "59", "9", "44/59/9/124", "34", ""
SPLITS = [(COMMA, QUOTE), (SEMICOLON, QUOTE), (TAB, QUOTE), (ANY, QUOTE), (ANY, NONE)]
UTF_8 = 76


class LibreOffice:
    """LibreOffice with a profile of its own in a folder."""

    def __init__(self, folder):
        self._folder = folder

    def splits(self, files):
        """Opens files of CSV in each language and split in each way, with all that it does to be helpful; the sheets by file, for each."""
        for language in LANGUAGES:
            for separator, quote in SPLITS:
                options = f"CSV:{separator},{quote},{UTF_8},1,,{language},false,true,false,false,false,0,true"
                yield (language, separator, quote), self.opened(files, f"--infilter={options}")

    def opened(self, files, *options):
        """The sheets of each file, as rows of cells, by the file's name."""
        profile = f"-env:UserInstallation=file://{self._folder}/office"
        command = ["soffice", profile, "--headless", "--convert-to", "fods", *options, "--outdir", self._folder / "opened", *files]
        subprocess.run(command, check=True, stdin=subprocess.DEVNULL, capture_output=True, timeout=120)
        return {file.name: sheets(self._folder / "opened" / f"{file.stem}.fods") for file in files}


class Cell:
    """What a cell shows, and the formula or link that it is."""

    def __init__(self, element):
        self.text = "\n".join("".join(line.itertext()) for line in element.iter(f"{TEXT}p"))
        links = [link.get(f"{XLINK}href") for link in element.iter(f"{TEXT}a")]
        self.active = [*filter(None, [element.get(f"{TABLE}formula")]), *links]


def sheets(path):
    """The sheets of a flat OpenDocument file, by name; rows without a text are left out."""
    found = {}
    for table in xml.etree.ElementTree.parse(path).iter(f"{TABLE}table"):
        rows = [[Cell(cell) for cell in row.iter(f"{TABLE}table-cell")] for row in table.iter(f"{TABLE}table-row")]
        found[table.get(f"{TABLE}name")] = [row for row in rows if any(cell.text for cell in row)]
    return found


def active(sheets):
    """All formulas and links in them."""
    return [what for rows in sheets.values() for row in rows for cell in row for what in cell.active]


TABLE = "{urn:oasis:names:tc:opendocument:xmlns:table:1.0}"
TEXT = "{urn:oasis:names:tc:opendocument:xmlns:text:1.0}"
XLINK = "{http://www.w3.org/1999/xlink}"
