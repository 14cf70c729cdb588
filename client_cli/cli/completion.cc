#include "client_cli/cli/completion.h"

#include <algorithm>

#include "client_cli/cli/command.h"
#include "client_cli/cli/words.h"

namespace gfs::cli {

namespace {

std::string common_start(const std::vector<std::string>& names) {
  std::string common = names.empty() ? "" : names.front();
  for (const std::string& name : names) {
    std::size_t same = 0;
    while (same < common.size() && same < name.size() && common[same] == name[same]) ++same;
    common.resize(same);
  }
  // Not in the middle of a character.
  while (!common.empty() && names.size() > 1 && (static_cast<unsigned char>(common.back()) & 0x80) != 0)
    common.pop_back();
  return common;
}

// Continues `typed` to what the candidates share; a single one is ended with a space unless it is a directory.
Completion continued(const std::string& typed, std::vector<std::string> candidates) {
  std::erase_if(candidates, [&](const std::string& name) { return !name.starts_with(typed); });
  std::ranges::sort(candidates);
  candidates.erase(std::unique(candidates.begin(), candidates.end()), candidates.end());
  if (candidates.empty()) return {};
  std::string common = common_start(candidates);
  std::string rest = common.size() > typed.size() ? common.substr(typed.size()) : "";
  Completion completion{rest.empty() ? "" : quote_word(rest), {}};
  if (candidates.size() > 1) {
    completion.candidates = std::move(candidates);
  } else if (!common.ends_with('/')) {
    completion.insert += ' ';
  }
  return completion;
}

std::vector<std::string> next_words_of_verbs(const Words& before) {
  std::vector<std::string> words;
  for (const Command* command : commands()) {
    std::string name(command->name);
    std::size_t space = name.find(' ');
    if (before.empty()) {
      words.push_back(name.substr(0, space));
    } else if (space != std::string::npos && name.substr(0, space) == before[0]) {
      words.push_back(name.substr(space + 1));
    }
  }
  return words;
}

Completion complete_path(const std::string& word, const Names& names) {
  std::size_t slash = word.rfind('/');
  std::string directory = slash == std::string::npos ? "" : word.substr(0, slash + 1);
  std::string name = word.substr(directory.size());
  std::vector<std::string> candidates = names(directory.empty() ? "." : directory);
  // Hidden names only for those who ask.
  if (name.empty()) std::erase_if(candidates, [](const std::string& entry) { return entry.starts_with('.'); });
  return continued(name, std::move(candidates));
}

Completion complete_option(const std::string& word, const Command& command) {
  std::vector<std::string> candidates{"--json", "--help"};
  for (const Option& option : command.options) candidates.push_back("--" + std::string(option.name));
  return continued(word, std::move(candidates));
}

bool is_local(const Command& command, std::size_t position) {
  return (command.name == "put" && position == 0) || (command.name == "get" && position == 1) ||
         (command.name == "append" && position == 1);
}

bool is_snapshot(const Command& command, std::size_t position) {
  if (command.name == "snapshot rm") return true;
  return position == 0 && (command.name == "snapshot diff" || command.name == "snapshot restore");
}

Completion complete_snapshot(const std::string& word, const Names& names) {
  std::vector<std::string> candidates = names("/.snapshots/");
  for (std::string& name : candidates) {
    if (name.ends_with('/')) name.pop_back();
  }
  return continued(word, std::move(candidates));
}

}  // namespace

Completion complete(std::string_view line_to_cursor, const Directories& directories) {
  Typing typing = typing_at_end(line_to_cursor);
  Found found = find_command(typing.before);
  if (typing.before.empty() || (found.command == nullptr && typing.before.size() == 1)) {
    return continued(typing.word, next_words_of_verbs(typing.before));
  }
  if (found.command == nullptr) return {};
  const Command& command = *found.command;
  if (command.name == "help") return continued(typing.word, next_words_of_verbs({}));
  if (typing.word.starts_with('-')) return complete_option(typing.word, command);
  if (command.arguments_max == 0) return {};
  std::size_t position = 0;
  for (std::size_t i = found.words; i < typing.before.size(); ++i)
    position += typing.before[i].starts_with('-') ? 0 : 1;
  if (is_snapshot(command, position) && typing.word.find('/') == std::string::npos) {
    return complete_snapshot(typing.word, directories.remote);
  }
  return complete_path(typing.word, is_local(command, position) ? directories.local : directories.remote);
}

}  // namespace gfs::cli
