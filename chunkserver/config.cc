#include "chunkserver/config.h"

#include <algorithm>

#include "bus/listen_address.h"

namespace gfs::chunkserver {

Result<> read_file(const std::string& path, Options& options, Settings& settings) {
  Result<Config> config = Config::load(path);
  if (!config) return fail(std::move(config).error());
  Options file;
  config->get("data", file.data);
  config->get("master", file.masters);
  config->get("listen", file.listen);
  config->get("advertise", file.advertise);
  config->get("rack", file.rack);
  config->get("insecure", file.insecure);
  config->get_size("staging", settings.staging_max);
  config->get_duration("staging_age", settings.staging_age);
  config->get_duration("data_wait", settings.data_wait);
  config->get_size("journal_segment", settings.journal_segment);
  config->get_size("space_reserve", settings.space_reserve);
  config->get_duration("quarantine_time", settings.quarantine_time);
  config->get("purge_when_full", settings.purge_when_full);
  config->get("collect_limit", settings.collect_limit);
  config->get("collect_percent", settings.collect_percent);
  config->get_duration("collect_window", settings.collect_window);
  config->get_duration("scrub_pass", settings.scrub_pass);
  config->get_size("scrub_rate", settings.scrub_rate);
  config->get("disk_errors_max", settings.disk_errors_max);
  config->get_duration("disk_probe", settings.disk_probe);
  Result<> finished = config->finish();
  if (!finished) return finished;
  if (options.data.empty()) options.data = file.data;
  if (options.masters.empty()) options.masters = file.masters;
  if (options.listen.empty()) options.listen = file.listen;
  if (options.advertise.empty()) options.advertise = file.advertise;
  if (options.rack.empty()) options.rack = file.rack;
  options.insecure = options.insecure || file.insecure;
  return {};
}

Result<> apply(const Options& options, Settings& settings) {
  if (options.data.empty()) return fail(Code::invalid_argument, "--data: no directory was given");
  for (std::size_t i = 0; i < options.data.size(); ++i) {
    const std::string& name = options.data[i];
    if (name.empty()) return fail(Code::invalid_argument, "--data: it names no directory");
    if (std::find(options.data.begin(), options.data.begin() + static_cast<std::ptrdiff_t>(i), name) !=
        options.data.begin() + static_cast<std::ptrdiff_t>(i)) {
      return fail(Code::invalid_argument, "--data {}: it was given twice", name);
    }
  }
  settings.forget_disks = options.forget_disks;
  if (options.listen.empty()) return fail(Code::invalid_argument, "--listen: no address was given");
  for (const std::string& list : options.masters) {
    for (std::size_t at = 0; at <= list.size();) {
      const std::size_t end = std::min(list.find(',', at), list.size());
      std::string address = list.substr(at, end - at);
      if (address.find("://") == std::string::npos) {
        return fail(Code::invalid_argument, "--master: '{}' is not an address (tcp://HOST:PORT)", address);
      }
      settings.masters.push_back(std::move(address));
      at = end + 1;
    }
  }
  if (settings.masters.empty()) return fail(Code::invalid_argument, "--master: no address was given");
  Result<bus::ListenAt> listen = bus::listen_at(options.listen);
  if (!listen) return fail(Code::invalid_argument, "--listen: {}", listen.error().message);
  settings.listen = *listen;
  settings.listen.events.clear();
  settings.gossip = *bus::gossip_at(options.listen);
  if (!options.insecure && !bus::only_local(options.listen)) {
    return fail(Code::refused, "--listen {}: without keys only loopback addresses are bound; --insecure allows others",
                options.listen);
  }
  if (!options.advertise.empty()) {
    Result<bus::ListenAt> advertise = bus::listen_at(options.advertise);
    if (!advertise) return fail(Code::invalid_argument, "--advertise: {}", advertise.error().message);
    settings.advertise = *advertise;
    settings.gossip_advertise = *bus::gossip_at(options.advertise);
  }
  if (!options.rack.empty()) settings.rack = options.rack;
  if (settings.rack.size() > 255) return fail(Code::invalid_argument, "--rack: longer than 255 bytes");
  if (settings.quarantine_time < Duration::zero() || settings.collect_window <= Duration::zero()) {
    return fail(Code::invalid_argument, "quarantine_time, collect_window: not before now");
  }
  if (settings.scrub_pass != Duration::zero() && (settings.scrub_pass < 1s || settings.scrub_pass > 24h * 3650))
    return fail(Code::invalid_argument, "scrub_pass: it is neither 0s nor between 1s and ten years");
  if (settings.disk_probe < 1s || settings.disk_probe > 24h)
    return fail(Code::invalid_argument, "disk_probe: it is not between 1s and 24h");
  if (settings.collect_percent > 100) {
    return fail(Code::invalid_argument, "collect_percent: {} is more than 100", settings.collect_percent);
  }
  return {};
}

}  // namespace gfs::chunkserver
