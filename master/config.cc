#include "master/config.h"

#include <charconv>

#include "base/config.h"
#include "bus/listen_address.h"
#include "master/epoch.h"

namespace gfs::master {

namespace {

// 0: the next one.
Result<std::uint64_t> epoch_from(const std::string& text) {
  if (text.empty()) return 0;
  std::uint64_t epoch = 0;
  auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), epoch);
  if (error == std::errc{} && rest == text.data() + text.size() && epoch >= 2 && epoch <= kEpochMax) return epoch;
  return fail(Code::invalid_argument, "--adopt-new-epoch: '{}' is not a number from 2 to {}", text, kEpochMax);
}

}  // namespace

Result<> read_file(const std::string& path, Options& options, Settings& settings) {
  Result<Config> config = Config::load(path);
  if (!config) return fail(std::move(config));
  Options file;
  config->get("data", file.data);
  config->get("listen", file.listen);
  config->get("advertise", file.advertise);
  config->get("insecure", file.insecure);
  config->get("follow", file.follow);
  config->get("replicas", settings.replicas);
  config->get("minimum_for_writing", settings.minimum_for_writing);
  config->get_duration("heartbeat", settings.heartbeat);
  config->get_duration("suspect_after", settings.suspect_after);
  config->get_duration("lost_after", settings.lost_after);
  config->get_duration("lease", settings.lease);
  config->get_duration("heal_after", settings.heal_after);
  config->get_duration("repair_after", settings.repair_after);
  config->get_duration("repair_after_leaving", settings.repair_after_leaving);
  config->get_duration("mass_loss_pause", settings.mass_loss_pause);
  config->get_size("repair_rate_server", settings.repair_per_server);
  config->get_size("repair_rate_cluster", settings.repair_per_cluster);
  config->get("balance_threshold", settings.balance_threshold);
  config->get_duration("salvage_after", settings.salvage_after);
  config->get_duration("trash", settings.trash);
  config->get("trash_items", settings.trash_items);
  config->get_duration("collect_after", settings.collect_after);
  config->get_size("log_segment", settings.log_segment);
  config->get_size("log_reserve", settings.log_reserve);
  config->get_size("checkpoint_after", settings.checkpoint_after);
  config->get("shadows_max", settings.shadows_max);
  Result<> finished = config->finish();
  if (!finished) return finished;
  if (options.data.empty()) options.data = file.data;
  if (options.listen.empty()) options.listen = file.listen;
  if (options.advertise.empty()) options.advertise = file.advertise;
  if (options.follow.empty()) options.follow = file.follow;
  options.insecure = options.insecure || file.insecure;
  return {};
}

namespace {

Result<> apply_addresses(const Options& options, bus::ListenAt& at, bus::Address& advertise_as) {
  if (options.listen.empty()) return fail(Code::invalid_argument, "--listen: no address was given");
  Result<bus::ListenAt> listen = bus::listen_at(options.listen);
  if (!listen) return fail(Code::invalid_argument, "--listen: {}", listen.error().message);
  at = *listen;
  at.data.clear();
  if (!options.insecure && !bus::only_local(options.listen)) {
    return fail(Code::refused, "--listen {}: without keys only loopback addresses are bound; --insecure allows others",
                options.listen);
  }
  if (options.advertise.empty()) return {};
  Result<bus::ListenAt> advertise = bus::listen_at(options.advertise);
  if (!advertise) return fail(Code::invalid_argument, "--advertise: {}", advertise.error().message);
  advertise_as = advertise->control;
  return {};
}

}  // namespace

Result<ShadowSettings> shadow_from(const Options& options) {
  if (!options.data.empty() || options.format)
    return fail(Code::invalid_argument,
                "--follow: a shadow keeps nothing on disk, so --data and --format are not for it");
  ShadowSettings settings;
  Result<bus::ListenAt> follow = bus::listen_at(options.follow);
  if (!follow) return fail(Code::invalid_argument, "--follow: {}", follow.error().message);
  settings.follow = follow->control;
  bus::ListenAt listen;
  Result<> addresses = apply_addresses(options, listen, settings.advertise);
  if (!addresses) return fail(std::move(addresses));
  settings.listen = listen.control;
  if (settings.listen == settings.follow)
    return fail(Code::invalid_argument, "--follow {}: that is where this shadow listens itself", settings.follow);
  return settings;
}

Result<> apply(const Options& options, Settings& settings) {
  if (options.data.empty()) return fail(Code::invalid_argument, "--data: no directory was given");
  Result<> addresses = apply_addresses(options, settings.listen, settings.advertise);
  if (!addresses) return addresses;
  settings.gossip = *bus::gossip_at(options.listen);
  if (!options.advertise.empty()) settings.gossip_advertise = *bus::gossip_at(options.advertise);
  settings.format = options.format;
  if (options.adopt_new_epoch) {
    Result<std::uint64_t> epoch = epoch_from(options.epoch);
    if (!epoch) return fail(std::move(epoch));
    if (options.format)
      return fail(Code::invalid_argument, "--adopt-new-epoch is for a directory that is there, --format for a new one");
    settings.adopt_epoch = *epoch;
  }
  if (settings.replicas == 0 || settings.replicas > 8) {
    return fail(Code::invalid_argument, "replicas: {} is not between 1 and 8", settings.replicas);
  }
  if (settings.minimum_for_writing == 0 || settings.minimum_for_writing > 3) {
    return fail(Code::invalid_argument, "minimum_for_writing: {} is not between 1 and 3", settings.minimum_for_writing);
  }
  if (settings.heartbeat < 10ms || settings.suspect_after < 2 * settings.heartbeat ||
      settings.lost_after < settings.suspect_after) {
    return fail(Code::invalid_argument,
                "heartbeat, suspect_after, lost_after: each must be longer than the one before");
  }
  if (settings.heal_after < Duration::zero() || settings.salvage_after < settings.lost_after)
    return fail(Code::invalid_argument, "salvage_after: it must not be shorter than lost_after");
  for (const auto& [name, time] : {std::pair{"repair_after", settings.repair_after},
                                   {"repair_after_leaving", settings.repair_after_leaving},
                                   {"mass_loss_pause", settings.mass_loss_pause}}) {
    if (time < Duration::zero() || time > 24h * 30)
      return fail(Code::invalid_argument, "{}: it is not between 0s and thirty days", name);
  }
  if (settings.balance_threshold > 50)
    return fail(Code::invalid_argument, "balance_threshold: {} is not between 0 and 50 percent",
                settings.balance_threshold);
  if (settings.trash < Duration::zero() || settings.trash > 24h * 3650)
    return fail(Code::invalid_argument, "trash: it is not between 0s and ten years");
  if (settings.collect_after < Duration::zero()) return fail(Code::invalid_argument, "collect_after: not before now");
  if (settings.log_segment < 4096)
    return fail(Code::invalid_argument, "log_segment: {} is less than 4KiB", settings.log_segment);
  if (settings.checkpoint_after < 4096)
    return fail(Code::invalid_argument, "checkpoint_after: {} is less than 4KiB", settings.checkpoint_after);
  if (settings.shadows_max > 64)
    return fail(Code::invalid_argument, "shadows_max: {} is more than 64", settings.shadows_max);
  return {};
}

}  // namespace gfs::master
