#include "client_cli/cli/commands.h"
#include "client_cli/cli/exit_code.h"
#include "client_cli/cli/health_codes.h"

namespace gfs::cli {

namespace {

using Status = bus::ClusterStatus::Reply;

Result<int> run(Session& session, const Arguments& arguments) {
  const bool detail = arguments.count() > 0;
  if (detail && arguments[0] != "detail")
    return fail(Code::invalid_argument, "health {}: only detail is possible", escape_for_terminal(arguments[0]));
  Result<Status> status = session.run<Status>([](Filesystem& filesystem) { return filesystem.status(); });
  if (!status) return fail(std::move(status));
  Output& out = session.out();
  const int code = arguments.has("check") && status->health != "OK" ? kFailed : kOk;
  if (out.json()) {
    Json codes = Json::array();
    for (const std::string& one : status->codes) codes.push_back({{"code", one}, {"meaning", meaning_of(one)}});
    out.object({{"health", status->health}, {"codes", codes}});
    return code;
  }
  const Output::Color color = status->health == "OK"     ? Output::Color::good
                              : status->health == "WARN" ? Output::Color::warning
                                                         : Output::Color::bad;
  out.line(out.colored(color, status->health));
  for (const std::string& one : status->codes) {
    out.line(out.name(one));
    if (detail && !meaning_of(one).empty()) out.line(fmt::format("  {}", meaning_of(one)));
  }
  return code;
}

}  // namespace

const Command kHealth{
    .name = "health",
    .group = "Cluster",
    .usage = "[detail] [--check]",
    .summary = "OK, WARN or ERROR, and the codes of what is wrong",
    .help =
        "The codes are stable: alarms may rely on them. detail says of each what it means and what one can do.\n"
        "Example: health --check || echo look at it",
    .options = {{0, "check", "", "exit code 1 if it is not OK"}},
    .arguments_min = 0,
    .arguments_max = 1,
    .run = run,
};

}  // namespace gfs::cli
