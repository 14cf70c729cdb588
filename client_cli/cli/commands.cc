#include "client_cli/cli/commands.h"

#include <algorithm>

#include "client_cli/cli/exit_code.h"

namespace gfs::cli {

namespace {

// How many letters one has to change, add, drop or swap to come from one word to the other.
std::size_t distance(std::string_view from, std::string_view to) {
  std::vector<std::size_t> before, row(to.size() + 1), next(to.size() + 1);
  for (std::size_t j = 0; j <= to.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= from.size(); ++i) {
    next[0] = i;
    for (std::size_t j = 1; j <= to.size(); ++j) {
      std::size_t change = row[j - 1] + (from[i - 1] == to[j - 1] ? 0 : 1);
      next[j] = std::min({change, row[j] + 1, next[j - 1] + 1});
      bool swapped = i > 1 && j > 1 && from[i - 1] == to[j - 2] && from[i - 2] == to[j - 1];
      if (swapped) next[j] = std::min(next[j], before[j - 2] + 1);
    }
    before = std::move(row);
    row = std::move(next);
    next.assign(to.size() + 1, 0);
  }
  return row[to.size()];
}

// What every verb takes besides its own options.
std::vector<Option> with_common_options(const Command& command) {
  std::vector<Option> options = command.options;
  options.push_back({.name = "json", .help = "one JSON object, or one a line"});
  options.push_back({.name = "help", .help = "this text"});
  return options;
}

// --json after a verb is for that verb alone.
class JsonForOnce {
 public:
  JsonForOnce(Output& out, bool json) : out_(out), before_(out.json()) { out_.set_json(before_ || json); }
  ~JsonForOnce() { out_.set_json(before_); }

 private:
  Output& out_;
  const bool before_;
};

Result<int> run_command(Session& session, const Command& command, const Arguments& arguments) {
  if (arguments.has("help")) {
    session.out().data(help_of(command));
    return kOk;
  }
  if (command.shell_only && !session.in_shell()) {
    return fail(Code::invalid_argument, "only the shell knows {}: start gfs-cli without a verb", command.name);
  }
  if (arguments.count() < command.arguments_min || arguments.count() > command.arguments_max) {
    return fail(Code::invalid_argument, "{} arguments are too {}; usage: {}", arguments.count(),
                arguments.count() < command.arguments_min ? "few" : "many", usage_of(command));
  }
  return command.run(session, arguments);
}

}  // namespace

const std::vector<const Command*>& commands() {
  static const std::vector<const Command*> all{&kLs,
                                               &kTree,
                                               &kStat,
                                               &kCat,
                                               &kPut,
                                               &kGet,
                                               &kMkdir,
                                               &kRm,
                                               &kMv,
                                               &kCp,
                                               &kDu,
                                               &kTest,
                                               &kChecksum,
                                               &kAppend,
                                               &kRappend,
                                               &kRecords,
                                               &kTruncate,
                                               &kSetpolicy,
                                               &kGetpolicy,
                                               &kSetrep,
                                               &kTrashLs,
                                               &kTrashRestore,
                                               &kTrashPurge,
                                               &kSnapshotCreate,
                                               &kSnapshotLs,
                                               &kSnapshotDiff,
                                               &kSnapshotRestore,
                                               &kSnapshotRm,
                                               &kStatus,
                                               &kHealth,
                                               &kDf,
                                               &kServerLs,
                                               &kServerInfo,
                                               &kServerDrain,
                                               &kServerUndrain,
                                               &kServerMaint,
                                               &kServerReplace,
                                               &kServerForget,
                                               &kServerOkToStop,
                                               &kRepairStatus,
                                               &kRepairLs,
                                               &kRepairPause,
                                               &kRepairResume,
                                               &kRepairLimit,
                                               &kRebalanceStatus,
                                               &kRebalanceStart,
                                               &kRebalanceStop,
                                               &kWhy,
                                               &kScrubStatus,
                                               &kScrubStart,
                                               &kScrubPause,
                                               &kScrubResume,
                                               &kGossip,
                                               &kChunkLs,
                                               &kChunkInfo,
                                               &kChunkVerify,
                                               &kLeaseLs,
                                               &kLeaseRevoke,
                                               &kCheckpointNow,
                                               &kLogStat,
                                               &kLogDump,
                                               &kLogRepair,
                                               &kGcStatus,
                                               &kGcLs,
                                               &kGcAllow,
                                               &kGcRestore,
                                               &kGcPurge,
                                               &kBenchRead,
                                               &kBenchWrite,
                                               &kBenchAppend,
                                               &kBenchMeta,
                                               &kHelp,
                                               &kVersion,
                                               &kCd,
                                               &kPwd,
                                               &kHistory,
                                               &kQuit,
                                               &kExit};
  return all;
}

Found find_command(const Words& words) {
  if (words.empty()) return {};
  std::string two = words.size() > 1 ? words[0] + " " + words[1] : words[0];
  for (const Command* command : commands()) {
    if (command->name == words[0]) return {command, 1};
    if (words.size() > 1 && command->name == two) return {command, 2};
  }
  return {};
}

Error unknown_verb(const Words& words) {
  std::vector<std::string> family;
  for (const Command* command : commands()) {
    if (command->name.starts_with(words[0] + " ")) family.emplace_back(command->name);
  }
  if (!family.empty()) {
    std::string given = words.size() > 1 ? words[0] + " " + words[1] : words[0];
    return {Code::invalid_argument,
            fmt::format("no verb \"{}\"; there is: {}", escape_for_terminal(given), fmt::join(family, ", ")),
            {}};
  }
  std::string shown = escape_for_terminal(std::string_view(words[0]).substr(0, 100));
  const Command* nearest = nullptr;
  std::size_t least = words[0].size() <= 40 ? 3 : 0;
  for (const Command* command : commands()) {
    std::size_t changes = words[0].size() <= 40 ? distance(words[0], command->name) : least;
    if (changes < least && changes < command->name.size()) {
      least = changes;
      nearest = command;
    }
  }
  std::string text = fmt::format("no verb \"{}\"", shown);
  if (nearest != nullptr) text += fmt::format("; did you mean {}?", nearest->name);
  return {Code::invalid_argument, std::move(text), {}};
}

int execute(Session& session, const Words& words) {
  session.begin_command();
  Found found = find_command(words);
  if (found.command == nullptr) return session.tell("", unknown_verb(words));
  const Command& command = *found.command;
  Words rest(words.begin() + static_cast<std::ptrdiff_t>(found.words), words.end());
  Result<Arguments> arguments = Arguments::parse(rest, with_common_options(command));
  if (!arguments) return session.tell(command.name, arguments.error());
  JsonForOnce json(session.out(), arguments->has("json"));
  Result<int> code = run_command(session, command, *arguments);
  Result<> flushed = session.out().flush();
  session.tell_staleness();
  if (code && interrupted()) code = kInterrupted;
  if (code && !flushed) code = fail(std::move(flushed));
  if (code) return *code;
  if (!session.out().reader_left()) return session.tell(command.name, code.error());
  if (!session.request()) return kFailed;  // as `cat | head` does: nothing to tell
  Error error = std::move(code).error();
  error.message += "; what was changed is changed";
  return session.tell(command.name, error, "look at what is there before doing it again");
}

std::string usage_of(const Command& command) {
  std::string usage(command.name);
  if (!command.usage.empty()) usage += " " + std::string(command.usage);
  return usage;
}

std::string help_of(const Command& command) {
  std::string text = fmt::format("{}\n  {}\n\n{}\n", usage_of(command), command.summary, command.help);
  std::string options;
  for (const Option& option : with_common_options(command)) {
    std::string shown = option.letter != 0 ? fmt::format("-{}, --{}", option.letter, option.name)
                                           : fmt::format("    --{}", option.name);
    if (!option.value.empty()) shown += " " + std::string(option.value);
    options += fmt::format("  {:<24} {}\n", shown, option.help);
  }
  return text + "\nOptions\n" + options;
}

}  // namespace gfs::cli
