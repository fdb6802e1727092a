//! Sites: the shipped one on other ports, and small ones that a test writes.

use super::{Folder, Plant, free_port, root};

/// The files of a site, with the ports that are in them.
#[derive(Debug, Clone)]
pub struct Site {
    /// Name and text.
    pub files: Vec<(String, String)>,
    /// Of the bus.
    pub bus_port: u16,
    /// Of the page.
    pub page_port: u16,
}

impl Site {
    /// `config/` as it is shipped, with free ports for the bus and the page and the plant's for the devices.
    pub fn demo(plant: &Plant) -> Self {
        let mut files = Vec::new();
        let (bus_port, page_port) = (free_port(), free_port());
        for entry in std::fs::read_dir(root().join("config")).expect("the shipped site") {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if !path.is_file() || name == "plant.yaml" {
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap();
            // All of them marked before one is filled in: a port may hold another one's digits.
            let text = text
                .replace("1324", "@BUS@")
                .replace("8324", "@PAGE@")
                .replace("0.0.0.0", "127.0.0.1")
                .replace("port: 1502", "port: @DEMO@")
                .replace("port: 1503", "port: @STATION@")
                .replace("@DEMO@", &plant.port("demo").to_string())
                .replace("@STATION@", &plant.port("station").to_string())
                .replace("@BUS@", &bus_port.to_string())
                .replace("@PAGE@", &page_port.to_string());
            // A daemon of its own doesn't read bus.yaml; its file has to say which bus.
            let silent = matches!(&*name, "history.yaml" | "wwwserver.yaml") && !text.contains("bus_port");
            let text = if silent { format!("bus_port: {bus_port}\n{text}") } else { text };
            files.push((name, text));
        }
        assert!(files.len() >= 5, "the shipped site has a file for each module");
        Self { files, bus_port, page_port }
    }

    /// Files a test writes; `@BUS@` and `@PAGE@` in them become the ports.
    pub fn of(files: &[(&str, &str)]) -> Self {
        let (bus_port, page_port) = (free_port(), free_port());
        let fill = |text: &str| text.replace("@BUS@", &bus_port.to_string()).replace("@PAGE@", &page_port.to_string());
        let files = files.iter().map(|(name, text)| ((*name).to_owned(), fill(text))).collect();
        Self { files, bus_port, page_port }
    }

    /// The smallest site with everything but devices: a bus, a history, a page of two tags nobody owns.
    pub fn small() -> Self {
        Self::of(&[
            ("bus.yaml", "ip: 127.0.0.1\nport: @BUS@\n"),
            (
                "tags.yaml",
                "level: {desc: Level, type: float, units: m, min: 0, max: 10}\nword: {desc: Word, type: str}\n",
            ),
            ("history.yaml", "bus_ip: 127.0.0.1\nbus_port: @BUS@\npath: history\n"),
            (
                "wwwserver.yaml",
                "bus_ip: 127.0.0.1\nbus_port: @BUS@\nip: 127.0.0.1\nport: @PAGE@\npages:\n- name: One\n  items:\n  \
                 - {type: value, tagname: level}\n  - {type: setpoint, tagname: word}\n",
            ),
        ])
    }

    /// With one file written anew, or added.
    #[must_use]
    pub fn file(mut self, name: &str, text: &str) -> Self {
        let text = text.replace("@BUS@", &self.bus_port.to_string()).replace("@PAGE@", &self.page_port.to_string());
        self.files.retain(|(known, _)| known != name);
        self.files.push((name.to_owned(), text));
        self
    }

    /// Writes all files to `folder/site`.
    pub fn write(&self, folder: &Folder) {
        for (name, text) in &self.files {
            folder.write(&format!("site/{name}"), text);
        }
    }
}
