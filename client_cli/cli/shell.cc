#include "client_cli/cli/shell.h"

#include <dirent.h>
#include <histedit.h>
#include <locale.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <map>
#include <memory>

#include "base/task_group.h"
#include "client_cli/cli/command.h"
#include "client_cli/cli/completion.h"
#include "client_cli/cli/exit_code.h"
#include "client_cli/cli/history_file.h"
#include "client_cli/cli/paths.h"
#include "client_cli/cli/table.h"
#include "client_cli/cli/words.h"

namespace gfs::cli {

namespace {

constexpr std::size_t kCandidatesShown = 200;
constexpr auto kCached = std::chrono::seconds(1);
constexpr Duration kTabPatience = 2s;  // a cluster that does not answer must not hold up the typing

class Shell {
 public:
  explicit Shell(Session& session);
  ~Shell();
  int run();

 private:
  static char* prompt(EditLine* edit);
  static unsigned char on_tab(EditLine* edit, int key);
  static Shell& of(EditLine* edit);

  bool read_line(std::string& line);
  void remember(const std::string& line);
  unsigned char tab();
  void show(const std::vector<std::string>& candidates);
  std::vector<std::string> remote_names(const std::string& directory);
  static std::vector<std::string> local_names(const std::string& directory);

  Session& session_;
  FILE* input_;
  FILE* output_;  // the prompt is not data: it goes to stderr
  EditLine* edit_;
  History* history_;
  HistEvent event_{};
  std::string prompt_;
  std::string history_path_;

  struct Cached {
    std::chrono::steady_clock::time_point since;
    std::vector<std::string> names;
  };
  std::map<std::string, Cached> cache_;
};

Shell::Shell(Session& session)
    : session_(session),
      input_(fdopen(dup(session.out().streams().input), "r")),
      output_(fdopen(dup(session.out().streams().error), "w")),
      edit_(nullptr),
      history_(history_init()),
      history_path_(history_path()) {
  if (setlocale(LC_CTYPE, "") == nullptr || MB_CUR_MAX == 1) setlocale(LC_CTYPE, "C.UTF-8");
  edit_ = el_init("gfs-cli", input_, output_, output_);
  el_set(edit_, EL_CLIENTDATA, this);
  el_set(edit_, EL_PROMPT, &Shell::prompt);
  el_set(edit_, EL_EDITOR, "emacs");
  el_set(edit_, EL_SIGNAL, 0);
  history(history_, &event_, H_SETSIZE, 1000);
  el_set(edit_, EL_HIST, history, history_);
  el_set(edit_, EL_ADDFN, "gfs-complete", "completes verbs and paths", &Shell::on_tab);
  el_set(edit_, EL_BIND, "^I", "gfs-complete", nullptr);
  el_set(edit_, EL_BIND, "^R", "em-inc-search-prev", nullptr);
  session_.history() = load_history(history_path_);
  for (const std::string& line : session_.history()) history(history_, &event_, H_ENTER, line.c_str());
}

Shell::~Shell() {
  el_end(edit_);
  history_end(history_);
  fclose(input_);
  fclose(output_);
}

Shell& Shell::of(EditLine* edit) {
  void* shell = nullptr;
  el_get(edit, EL_CLIENTDATA, &shell);
  return *static_cast<Shell*>(shell);
}

char* Shell::prompt(EditLine* edit) { return of(edit).prompt_.data(); }

unsigned char Shell::on_tab(EditLine* edit, int) { return of(edit).tab(); }

bool Shell::read_line(std::string& line) {
  while (true) {
    set_interrupted(false);
    prompt_ = fmt::format("gfs {}:{}> ", session_.label(), escape_for_terminal(session_.directory()));
    int length = 0;
    const char* text = el_gets(edit_, &length);
    if (text != nullptr && length > 0) {
      line.assign(text, static_cast<std::size_t>(length));
      while (!line.empty() && (line.back() == '\n' || line.back() == '\r')) line.pop_back();
      return true;
    }
    if (!interrupted()) return false;
    session_.out().raw_error("^C\n");  // the line is given up, the shell is not
    el_reset(edit_);
  }
}

void Shell::remember(const std::string& line) {
  std::vector<std::string>& lines = session_.history();
  if (!worth_remembering(line, lines.empty() ? "" : lines.back())) return;
  lines.push_back(line);
  history(history_, &event_, H_ENTER, line.c_str());
  save_history(history_path_, lines);
}

std::vector<std::string> Shell::remote_names(const std::string& directory) {
  Result<std::string> path = session_.path(directory);
  if (!path) return {};
  auto now = std::chrono::steady_clock::now();
  auto found = cache_.find(*path);
  if (found != cache_.end() && now - found->second.since < kCached) return found->second.names;
  // One page: nobody reads more names than that.
  auto ask = [this, path = *path](Filesystem& filesystem) {
    Executor& executor = session_.executor();
    return with_deadline<bus::List::Reply>(executor, executor.now() + kTabPatience, path, filesystem.list_page(path));
  };
  Result<bus::List::Reply> page = session_.run<bus::List::Reply>(ask);
  set_interrupted(false);  // Ctrl-C here ends the waiting and nothing else
  if (!page) return {};
  std::vector<std::string> names;
  for (const FileInfo& info : page->entries) {
    names.push_back(std::string(base_name(info.path)) + (info.type == FileType::directory ? "/" : ""));
  }
  cache_.clear();
  cache_[*path] = {std::chrono::steady_clock::now(), names};
  return names;
}

std::vector<std::string> Shell::local_names(const std::string& directory) {
  std::unique_ptr<DIR, int (*)(DIR*)> open(opendir(directory.c_str()), closedir);
  std::vector<std::string> names;
  while (dirent* entry = open ? readdir(open.get()) : nullptr) {
    std::string name = entry->d_name;
    if (name == "." || name == "..") continue;
    struct stat found{};
    bool is_directory = ::stat(join(directory, name).c_str(), &found) == 0 && S_ISDIR(found.st_mode);
    names.push_back(name + (is_directory ? "/" : ""));
  }
  return names;
}

void Shell::show(const std::vector<std::string>& candidates) {
  std::size_t width = 1;
  for (const std::string& name : candidates) width = std::max(width, shown_width(escape_for_terminal(name)) + 2);
  std::size_t columns = std::max<std::size_t>(1, session_.out().width() / width);
  std::string text = "\n";
  for (std::size_t i = 0; i < candidates.size() && i < kCandidatesShown; ++i) {
    std::string name = escape_for_terminal(candidates[i]);
    bool end = (i + 1) % columns == 0 || i + 1 == candidates.size() || i + 1 == kCandidatesShown;
    text += name + (end ? "\n" : std::string(width - shown_width(name), ' '));
  }
  if (candidates.size() > kCandidatesShown)
    text += fmt::format("... and {} more\n", candidates.size() - kCandidatesShown);
  session_.out().raw_error(text);
}

unsigned char Shell::tab() {
  const LineInfo* line = el_line(edit_);
  std::string_view typed(line->buffer, static_cast<std::size_t>(line->cursor - line->buffer));
  Directories directories{[this](const std::string& name) { return remote_names(name); }, &Shell::local_names};
  Completion completion = complete(typed, directories);
  if (!completion.insert.empty()) {
    if (el_insertstr(edit_, completion.insert.c_str()) != 0) return CC_ERROR;
    return CC_REFRESH;
  }
  if (completion.candidates.empty()) return CC_REFRESH_BEEP;
  show(completion.candidates);
  return CC_REDISPLAY;
}

int Shell::run() {
  session_.out().note("gfs-cli " GFS_VERSION ". help lists the verbs, Tab completes, quit leaves.");
  int code = kOk;
  std::string line;
  while (!session_.wants_to_quit()) {
    if (!read_line(line)) {
      session_.out().raw_error("\n");
      break;
    }
    remember(line);
    Result<std::vector<Words>> commands = split_commands(line);
    if (!commands) {
      code = session_.tell("", commands.error());
      continue;
    }
    for (const Words& words : *commands) {
      code = execute(session_, words);
      cache_.clear();
      if (code != kOk || session_.wants_to_quit()) break;
    }
  }
  return code;
}

}  // namespace

int run_shell(Session& session) {
  session.enter_shell(true);
  Result<> connected = session.connect();
  if (!connected) return session.tell("", connected.error());
  return Shell(session).run();
}

}  // namespace gfs::cli
