#include "base/units.h"
#include "client_cli/cli/commands.h"
#include "client_cli/cli/exit_code.h"
#include "client_cli/cli/file_json.h"
#include "client_cli/cli/table.h"

namespace gfs::cli {

namespace {

using bus::Policy;

Json rule_json(std::int64_t value) { return value == Policy::kInherit ? Json(nullptr) : Json(value); }

Json policy_json(const Policy& policy) {
  Json ack(nullptr);
  if (policy.ack != Policy::kInherit) ack = ack_text(static_cast<bus::AckMode>(policy.ack));
  return {{"replicas", rule_json(policy.replicas)},
          {"min", rule_json(policy.minimum_for_writing)},
          {"ack", std::move(ack)},
          {"trash_ms", rule_json(policy.trash_ms)},
          {"quota_files", rule_json(policy.quota_files)},
          {"quota_bytes", rule_json(policy.quota_bytes)}};
}

Result<int> run(Session& session, const Arguments& arguments) {
  Output& out = session.out();
  Result<std::string> path = session.path(arguments.count() > 0 ? arguments[0] : session.in_shell() ? "." : "/");
  if (!path) return fail(std::move(path));
  auto ask = [path = *path](Filesystem& filesystem) { return filesystem.policy(path); };
  Result<bus::GetPolicy::Reply> policy = session.run<bus::GetPolicy::Reply>(ask);
  if (!policy) return fail(std::move(policy));
  const Policy& holds = policy->effective;
  if (out.json()) {
    out.object({{"path", *path},
                {"type", policy->type == FileType::directory ? "dir" : "file"},
                {"own", policy_json(policy->own)},
                {"effective", policy_json(holds)},
                {"files", policy->files},
                {"directories", policy->directories},
                {"bytes", policy->bytes}});
    return kOk;
  }
  const bool terminal = out.to_terminal();
  auto text = [&](std::string value, std::int64_t own) {
    return terminal && own != Policy::kInherit ? value + "  (its own)" : std::move(value);
  };
  auto of = [](std::int64_t quota) { return quota == Policy::kInherit ? std::string("-") : std::to_string(quota); };
  std::string trash = holds.trash_ms == 0 ? "off" : format_duration(std::chrono::milliseconds(holds.trash_ms));
  if (!terminal) trash = std::to_string(holds.trash_ms);
  std::string bytes = holds.quota_bytes == Policy::kInherit ? "-"
                      : terminal                            ? format_size(static_cast<std::uint64_t>(holds.quota_bytes))
                                                            : std::to_string(holds.quota_bytes);
  const std::string used_bytes = terminal ? format_size(policy->bytes) : std::to_string(policy->bytes);
  print_fields(out, {{"path", out.name(*path)},
                     {"replicas", text(std::to_string(holds.replicas), policy->own.replicas)},
                     {"min", text(std::to_string(holds.minimum_for_writing), policy->own.minimum_for_writing)},
                     {"ack", text(std::string(ack_text(static_cast<bus::AckMode>(holds.ack))), policy->own.ack)},
                     {"trash", text(trash, policy->own.trash_ms)},
                     {"files", fmt::format("{}", policy->files + policy->directories)},
                     {"quota-files", of(holds.quota_files)},
                     {"bytes", used_bytes},
                     {"quota-bytes", bytes}});
  return kOk;
}

}  // namespace

const Command kGetpolicy{
    .name = "getpolicy",
    .group = "Files",
    .usage = "[PATH]",
    .summary = "tells the rules that hold for a file or in a directory, and how much is in it",
    .help =
        "files: files and directories below it, as quota-files counts them; bytes: as quota-bytes counts them.\n"
        "Example: getpolicy /metrics",
    .options = {},
    .arguments_max = 1,
    .run = run,
};

}  // namespace gfs::cli
