#include "client_cli/cli/cli.h"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "base/units.h"
#include "client_cli/cli/command.h"
#include "client_cli/cli/commands.h"
#include "client_cli/cli/exit_code.h"
#include "client_cli/cli/script.h"
#include "client_cli/cli/shell.h"

namespace gfs::cli {

namespace {

const std::vector<Option> kGlobal{{0, "master", "ADDR", ""},     {0, "local", "DIR", ""},   {0, "timeout", "D", ""},
                                  {'c', "command", "VERBS", ""}, {0, "json", "", ""},       {0, "quiet", "", ""},
                                  {0, "no-color", "", ""},       {0, "keep-going", "", ""}, {0, "help", "", ""},
                                  {0, "version", "", ""},        {0, "stale-ok", "", ""},   {0, "shadow", "ADDR", ""}};

// Where the verb begins: global options stand in front of it.
std::size_t first_verb(const Words& words) {
  std::size_t i = 0;
  while (i < words.size() && words[i].size() > 1 && words[i][0] == '-' && words[i] != "--") {
    std::string_view name = std::string_view(words[i]).substr(words[i].starts_with("--") ? 2 : 1);
    auto takes = std::ranges::find_if(kGlobal, [&](const Option& option) {
      return !option.value.empty() && (option.name == name || std::string_view(&option.letter, 1) == name);
    });
    i += takes == kGlobal.end() ? 1 : 2;
  }
  return std::min(i, words.size());
}

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

Result<> check_address(std::string_view address) {
  if (address.find("://") != std::string_view::npos) return {};
  return fail(Code::invalid_argument, "{} is not an address: it looks like tcp://127.0.0.1:7500", address);
}

// Whether reads may come from a shadow, and from which ones besides what --master names.
Result<> shadow_options(const Arguments& given, GlobalOptions& options) {
  const std::string wanted = environment("GFS_STALE_OK");
  options.stale_ok = given.has("stale-ok") || (!wanted.empty() && wanted != "0");
  if (given.has("shadow") && !options.stale_ok)
    return fail(Code::invalid_argument, "--shadow is only read from with --stale-ok");
  if (!options.stale_ok || !options.local.empty()) return {};
  std::string list = given.value("shadow", environment("GFS_SHADOW"));
  while (!list.empty()) {
    const std::size_t comma = std::min(list.find(','), list.size());
    const std::string one = list.substr(0, comma);
    list.erase(0, comma + 1);
    Result<> address = check_address(one);
    if (!address) return address;
    options.shadows.push_back(one);
  }
  return {};
}

Result<GlobalOptions> global_options(const Arguments& given) {
  GlobalOptions options;
  if (given.has("master") && given.has("local")) {
    return fail(Code::invalid_argument, "--master and --local exclude each other");
  }
  options.local = given.value("local");
  if (given.has("local") && options.local.empty()) return fail(Code::invalid_argument, "--local needs a directory");
  if (options.local.empty()) options.master = given.value("master", environment("GFS_MASTER"));
  Result<> address = options.master.empty() ? Result<>() : check_address(options.master);
  if (address) address = shadow_options(given, options);
  if (!address) return fail(std::move(address));
  options.json = given.has("json");
  options.quiet = given.has("quiet");
  options.color = !given.has("no-color") && environment("NO_COLOR").empty();
  options.keep_going = given.has("keep-going");
  std::string timeout = given.value("timeout", environment("GFS_TIMEOUT"));
  if (timeout.empty()) return options;
  Result<Duration> parsed = parse_duration(timeout);
  if (!parsed) return fail(std::move(parsed));
  if (*parsed < 1ms || *parsed > 24h) {
    return fail(Code::invalid_argument, "--timeout {}: from 1ms to 24h is possible", timeout);
  }
  options.timeout = *parsed;
  return options;
}

}  // namespace

int run(std::vector<std::string> arguments, Streams streams) {
  std::size_t verb_at = first_verb(arguments);
  Words before(arguments.begin(), arguments.begin() + static_cast<std::ptrdiff_t>(verb_at));
  Words words(arguments.begin() + static_cast<std::ptrdiff_t>(verb_at), arguments.end());
  if (!words.empty() && words[0] == "--") words.erase(words.begin());
  Result<Arguments> given = Arguments::parse(before, kGlobal);
  Result<GlobalOptions> options;
  if (given) {
    options = global_options(*given);
  } else {
    options = fail(std::move(given));
  }
  if (!options) {
    GlobalOptions plain;
    plain.json = std::ranges::find(before, "--json") != before.end();
    return Session(plain, streams).tell("", options.error());
  }
  Session session(*options, streams);
  if (given->has("help")) return execute(session, {"help"});
  if (given->has("version")) return execute(session, {"version"});
  if (given->has("command")) {
    if (!words.empty())
      return session.tell("", {Code::invalid_argument, "-c and a verb exclude each other: " + words[0], {}});
    return run_script_text(session, given->value("command"));
  }
  if (!words.empty()) {
    int code = execute(session, words);
    session.leave();
    return code;
  }
  if (isatty(streams.input) == 1) return run_shell(session);
  return run_script(session);
}

}  // namespace gfs::cli
