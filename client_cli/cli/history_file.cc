#include "client_cli/cli/history_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>

#include "client_cli/cli/output.h"
#include "client_cli/cli/paths.h"

namespace gfs::cli {

namespace {

constexpr std::size_t kLinesMax = 1000;

}  // namespace

std::string history_path() {
  const char* state = std::getenv("XDG_STATE_HOME");
  if (state != nullptr && state[0] == '/') return std::string(state) + "/gfs-cli/history";
  const char* home = std::getenv("HOME");
  if (home == nullptr || home[0] != '/') return "";
  return std::string(home) + "/.local/state/gfs-cli/history";
}

std::vector<std::string> load_history(const std::string& path) {
  std::vector<std::string> lines;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) lines.push_back(std::move(line));
  if (lines.size() > kLinesMax) lines.erase(lines.begin(), lines.end() - kLinesMax);
  return lines;
}

void save_history(const std::string& path, const std::vector<std::string>& lines) {
  if (path.empty()) return;
  for (std::size_t slash = path.find('/', 1); slash != std::string::npos; slash = path.find('/', slash + 1)) {
    ::mkdir(path.substr(0, slash).c_str(), 0700);
  }
  std::string text;
  for (std::size_t i = lines.size() > kLinesMax ? lines.size() - kLinesMax : 0; i < lines.size(); ++i)
    text += lines[i] + "\n";
  std::string temporary = temporary_beside(path);
  int descriptor = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (descriptor < 0) return;
  bool written = write_all(descriptor, text) == 0;
  ::close(descriptor);
  if (!written || ::rename(temporary.c_str(), path.c_str()) != 0) ::unlink(temporary.c_str());
}

bool worth_remembering(const std::string& line, const std::string& last) {
  return !line.empty() && line[0] != ' ' && line != last && line.find('\n') == std::string::npos;
}

}  // namespace gfs::cli
