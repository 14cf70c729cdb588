// gfs-master: keeps the namespace of one cluster in one directory and serves it.
#include <CLI/CLI.hpp>

#include "base/daemon.h"
#include "base/log.h"
#include "base/posix_disk.h"
#include "bus/zmq_bus.h"
#include "bus/zmq_context.h"
#include "master/config.h"
#include "master/master.h"

namespace gfs::master {

namespace {

constexpr std::string_view kProgram = "gfs-master";

std::string_view advice_for(Code code) {
  switch (code) {
    case Code::in_use:
      return "stop the other process, or choose another --data or --listen";
    case Code::not_formatted:
      return "a new cluster: add --format; an old one: check --data";
    case Code::corrupt:
      return "restore the directory from a copy; nothing in it was changed";
    case Code::wrong_version:
      return "start the program version that wrote the directory";
    case Code::read_only:
      return "check the disk and the directory's owner and mode";
    case Code::refused:
      return "format into an empty directory; listen on tcp://127.0.0.1:PORT or add --insecure";
    case Code::invalid_argument:
      return "see gfs-master --help";
    default:
      return {};
  }
}

int complain(const std::string& what, const Error& error) {
  return gfs::complain(kProgram, what, error, advice_for(error.code));
}

int run(const Options& options, Settings settings) {
  EventLoop loop;
  stop_on_signals(loop);
  Random random(Random::seed_from_machine());
  // Only a formatting start may make the directory.
  Result<std::unique_ptr<PosixDisk>> disk = PosixDisk::open(options.data, loop, {.create = options.format});
  if (!disk && disk.error().code == Code::not_found) {
    return complain("cannot start in " + options.data, Error{Code::not_formatted, disk.error().message, {}});
  }
  if (!disk) return complain("cannot open " + options.data, disk.error());
  bus::ZmqBus bus(loop, random);
  Master master(loop, random, bus, **disk, std::move(settings));
  Result<> started = loop.run(master.start());
  if (!started && started.error().code == Code::cancelled) return 0;  // a signal came first
  if (!started) return complain("cannot start in " + options.data, started.error());
  log::info("ready", {{"listen", master.listening().control}, {"data", options.data}});
  notify_ready();
  Result<Error> fatal = loop.run(master.fatal());
  if (fatal) return complain("cannot go on in " + options.data, *fatal);
  log::info("stopping");
  Result<> stopped = loop.run(master.stop());
  if (!stopped && stopped.error().code != Code::cancelled) return complain("did not stop cleanly", stopped.error());
  log::info("stopped");
  return 0;
}

int parse_and_run(int argc, char** argv) {
  CLI::App app{"Keeps the namespace of a gfs cluster in a directory and serves it.", std::string(kProgram)};
  app.set_version_flag("--version", "gfs-master " GFS_VERSION);
  Options options;
  std::string file;
  app.add_option("--data", options.data, "directory of this master: its log and its identity");
  app.add_option("--listen", options.listen, "control address, tcp://HOST:PORT; the other ports follow it");
  app.add_option("--advertise", options.advertise, "control address others dial (default: as bound)");
  app.add_flag("--format", options.format, "make a new cluster in the (empty or missing) directory first");
  app.add_option("--config", file, "TOML file with the same names and more; flags win");
  app.add_flag("--insecure", options.insecure, "bind addresses beyond loopback without keys");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  Settings settings;
  Result<> ready;
  if (!file.empty()) ready = read_file(file, options, settings);
  if (ready) ready = apply(options, settings);
  if (!ready) return complain("cannot be started like this", ready.error());
  return run(options, std::move(settings));
}

}  // namespace

}  // namespace gfs::master

int main(int argc, char** argv) {
  gfs::bus::tune_memory();
  gfs::bus::raise_descriptor_limit();
  return gfs::master::parse_and_run(argc, argv);
}
