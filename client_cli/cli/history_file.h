// The shell's lines from one run to the next: ~/.local/state/gfs-cli/history, readable by its owner only.
//
// Lines that begin with a space are never kept (they may hold secrets). At most 1000 lines.
#pragma once

#include <string>
#include <vector>

namespace gfs::cli {

// "" if there is no home. XDG_STATE_HOME counts.
std::string history_path();
std::vector<std::string> load_history(const std::string& path);
// Makes the directories (0700) and the file (0600); silently without effect where that cannot be.
void save_history(const std::string& path, const std::vector<std::string>& lines);

// Whether a line belongs there, after `last`.
bool worth_remembering(const std::string& line, const std::string& last);

}  // namespace gfs::cli
