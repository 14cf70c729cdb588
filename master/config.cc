#include "master/config.h"

#include <charconv>

#include "base/config.h"

namespace gfs::master {

Result<> read_file(const std::string& path, Options& options, Settings& settings) {
  Result<Config> config = Config::load(path);
  if (!config) return fail(std::move(config));
  Options file;
  config->get("data", file.data);
  config->get("listen", file.listen);
  config->get("advertise", file.advertise);
  config->get("insecure", file.insecure);
  config->get("replicas", settings.replicas);
  config->get("minimum_for_writing", settings.minimum_for_writing);
  config->get_duration("heartbeat", settings.heartbeat);
  config->get_duration("suspect_after", settings.suspect_after);
  config->get_duration("lost_after", settings.lost_after);
  config->get_duration("lease", settings.lease);
  config->get_duration("heal_after", settings.heal_after);
  config->get_duration("salvage_after", settings.salvage_after);
  config->get_duration("collect_after", settings.collect_after);
  config->get_size("log_segment", settings.log_segment);
  config->get_size("checkpoint_after", settings.checkpoint_after);
  Result<> finished = config->finish();
  if (!finished) return finished;
  if (options.data.empty()) options.data = file.data;
  if (options.listen.empty()) options.listen = file.listen;
  if (options.advertise.empty()) options.advertise = file.advertise;
  options.insecure = options.insecure || file.insecure;
  return {};
}

Result<> apply(const Options& options, Settings& settings) {
  if (options.data.empty()) return fail(Code::invalid_argument, "--data: no directory was given");
  if (options.listen.empty()) return fail(Code::invalid_argument, "--listen: no address was given");
  Result<bus::ListenAt> listen = addresses_from(options.listen);
  if (!listen) return fail(Code::invalid_argument, "--listen: {}", listen.error().message);
  settings.listen = *listen;
  if (!options.insecure && !only_local(options.listen)) {
    return fail(Code::refused, "--listen {}: without keys only loopback addresses are bound; --insecure allows others",
                options.listen);
  }
  if (!options.advertise.empty()) {
    Result<bus::ListenAt> advertise = addresses_from(options.advertise);
    if (!advertise) return fail(Code::invalid_argument, "--advertise: {}", advertise.error().message);
    settings.advertise = advertise->control;
  }
  settings.format = options.format;
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
  if (settings.collect_after < Duration::zero()) return fail(Code::invalid_argument, "collect_after: not before now");
  if (settings.log_segment < 4096)
    return fail(Code::invalid_argument, "log_segment: {} is less than 4KiB", settings.log_segment);
  if (settings.checkpoint_after < 4096)
    return fail(Code::invalid_argument, "checkpoint_after: {} is less than 4KiB", settings.checkpoint_after);
  return {};
}

Result<bus::ListenAt> addresses_from(const std::string& control) {
  if (control.starts_with("ipc://") || control.starts_with("inproc://"))
    return bus::ListenAt{control, {}, control + ".events"};
  const std::size_t colon = control.rfind(':');
  if (!control.starts_with("tcp://") || colon <= 6) {
    return fail(Code::invalid_argument, "'{}' is not an address (tcp://HOST:PORT)", control);
  }
  unsigned port = 0;
  const char* end = control.data() + control.size();
  auto [rest, error] = std::from_chars(control.data() + colon + 1, end, port);
  if (error != std::errc{} || rest != end || port > 65533) {
    return fail(Code::invalid_argument, "'{}': the port is not a number up to 65533 (events are two further)", control);
  }
  return bus::ListenAt{control, {}, control.substr(0, colon + 1) + std::to_string(port == 0 ? 0 : port + 2)};
}

bool only_local(const std::string& address) {
  if (address.starts_with("ipc://") || address.starts_with("inproc://")) return true;
  return address.starts_with("tcp://127.") || address.starts_with("tcp://localhost:") ||
         address.starts_with("tcp://[::1]:");
}

}  // namespace gfs::master
