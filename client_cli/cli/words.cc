#include "client_cli/cli/words.h"

#include <utility>

namespace gfs::cli {

namespace {

// What a line is made of, also when it is not finished.
struct Scanned {
  std::vector<Words> commands{1};
  std::string word;
  std::size_t word_start = 0;
  bool in_word = false;
  char quote = 0;
  bool backslash = false;

  void end_word() {
    if (in_word) commands.back().push_back(std::exchange(word, {}));
    in_word = false;
  }
};

Scanned scan(std::string_view line) {
  Scanned s;
  for (std::size_t i = 0; i < line.size(); ++i) {
    char c = line[i];
    auto begin = [&] {
      if (!s.in_word) s.word_start = i;
      s.in_word = true;
    };
    if (s.backslash) {
      if (s.quote == '"' && c != '"' && c != '\\') s.word += '\\';
      s.word += c;
      s.backslash = false;
    } else if (c == '\\' && s.quote != '\'') {
      begin();
      s.backslash = true;
    } else if (s.quote != 0) {
      if (c == s.quote) {
        s.quote = 0;
      } else {
        s.word += c;
      }
    } else if (c == '\'' || c == '"') {
      begin();
      s.quote = c;
    } else if (c == ' ' || c == '\t' || c == '\r') {
      s.end_word();
    } else if (c == ';' || c == '\n') {
      s.end_word();
      s.commands.emplace_back();
    } else if (c == '#' && !s.in_word) {
      std::size_t end = line.find('\n', i);
      if (end == std::string_view::npos) break;
      i = end - 1;
    } else {
      begin();
      s.word += c;
    }
  }
  return s;
}

}  // namespace

Result<std::vector<Words>> split_commands(std::string_view line) {
  Scanned scanned = scan(line);
  if (scanned.quote != 0) return fail(Code::invalid_argument, "a quote ({}) is not closed: {}", scanned.quote, line);
  if (scanned.backslash) return fail(Code::invalid_argument, "nothing follows the backslash: {}", line);
  scanned.end_word();
  std::erase_if(scanned.commands, [](const Words& words) { return words.empty(); });
  return std::move(scanned.commands);
}

std::string quote_word(std::string_view word) {
  if (word.empty()) return "''";
  if (word.find('\n') != std::string_view::npos) {
    std::string quoted = "\"";
    for (char c : word) {
      if (c == '"' || c == '\\') quoted += '\\';
      quoted += c;
    }
    return quoted + "\"";
  }
  std::string quoted;
  for (char c : word) {
    if (std::string_view(" \t\r;'\"\\#").find(c) != std::string_view::npos) quoted += '\\';
    quoted += c;
  }
  return quoted;
}

Typing typing_at_end(std::string_view line) {
  Scanned scanned = scan(line);
  Typing typing;
  typing.before = std::move(scanned.commands.back());
  typing.word = std::move(scanned.word);
  typing.word_start = scanned.in_word ? scanned.word_start : line.size();
  return typing;
}

}  // namespace gfs::cli
