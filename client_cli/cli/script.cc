#include "client_cli/cli/script.h"

#include "client_cli/cli/command.h"
#include "client_cli/cli/exit_code.h"
#include "client_cli/cli/transfer.h"
#include "client_cli/cli/words.h"

namespace gfs::cli {

namespace {

constexpr std::size_t kLineMax = 1 << 20;

// Gives the code so far; `ended` says that nothing more is to be run.
int run_line(Session& session, std::string_view line, int code, bool& ended) {
  Result<std::vector<Words>> commands = split_commands(line);
  if (!commands) {
    code = session.tell("", commands.error());
    ended = !session.options().keep_going;
    return code;
  }
  for (const Words& words : *commands) {
    int one = execute(session, words);
    if (one != kOk) code = one;
    bool stop = one != kOk && !session.options().keep_going;
    ended = stop || session.wants_to_quit() || interrupted();
    if (ended) break;
  }
  return code;
}

}  // namespace

int run_script_text(Session& session, const std::string& text) {
  session.enter_shell(false);
  bool ended = false;
  return run_line(session, text, kOk, ended);
}

int run_script(Session& session) {
  session.enter_shell(false);
  session.set_input_is_script();
  LocalSource input = LocalSource::borrowed(session.out().streams().input, "standard input");
  std::string pending;
  int code = kOk;
  bool ended = false;
  while (!ended) {
    Result<std::string> piece = input.read_some();
    if (!piece) return session.tell("", piece.error());
    bool last = piece->empty();
    pending += *piece;
    if (last && !pending.empty()) pending += '\n';
    for (std::size_t end = pending.find('\n'); end != std::string::npos && !ended; end = pending.find('\n')) {
      std::string line = pending.substr(0, end);
      pending.erase(0, end + 1);
      code = run_line(session, line, code, ended);
    }
    if (last) break;
    if (pending.size() > kLineMax) {
      return session.tell("", {Code::too_large, "a line of the script is longer than 1 MiB", {}});
    }
  }
  return code;
}

}  // namespace gfs::cli
