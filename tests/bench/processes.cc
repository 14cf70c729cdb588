#include "tests/bench/processes.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <thread>

#include "base/check.h"
#include "client_cli/client/blocking.h"

namespace gfs::bench {

namespace {

double seconds(const timeval& time) { return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6; }

double usage(int who) {
  rusage used{};
  getrusage(who, &used);
  return seconds(used.ru_utime) + seconds(used.ru_stime);
}

std::uint64_t status_kib(pid_t process, const std::string& key) {
  std::ifstream status("/proc/" + std::to_string(process) + "/status");
  std::string line;
  while (std::getline(status, line)) {
    if (line.starts_with(key + ":")) return std::stoull(line.substr(key.size() + 1));
  }
  return 0;
}

// Any port whose 50 neighbours are likely free too: the kernel's choice for one of them.
unsigned free_port() {
  int probe = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  CHECK(bind(probe, reinterpret_cast<sockaddr*>(&at), sizeof at) == 0, "a free port");
  socklen_t size = sizeof at;
  getsockname(probe, reinterpret_cast<sockaddr*>(&at), &size);
  close(probe);
  unsigned port = ntohs(at.sin_port);
  return port > 65400 ? port - 200 : port;
}

}  // namespace

double cpu_seconds(pid_t process) {
  std::ifstream file("/proc/" + std::to_string(process) + "/stat");
  std::string text((std::istreambuf_iterator<char>(file)), {});
  std::istringstream rest(text.substr(text.rfind(')') + 2));
  std::vector<std::string> fields{std::istream_iterator<std::string>(rest), {}};
  if (fields.size() < 13) return 0;
  return static_cast<double>(std::stoull(fields[11]) + std::stoull(fields[12])) / static_cast<double>(sysconf(_SC_CLK_TCK));
}

double own_cpu_seconds() { return usage(RUSAGE_SELF); }
double children_cpu_seconds() { return usage(RUSAGE_CHILDREN); }

void reset_peak_memory(pid_t process) { std::ofstream("/proc/" + std::to_string(process) + "/clear_refs") << "5"; }
std::uint64_t peak_memory(pid_t process) { return status_kib(process, "VmHWM") * 1024; }
std::uint64_t resident_memory(pid_t process) { return status_kib(process, "VmRSS") * 1024; }

Processes::Processes(std::string binaries, unsigned chunkservers, const std::string& directory)
    : binaries_(std::move(binaries)) {
  std::string pattern = directory + "/gfs-bench-XXXXXX";
  CHECK(mkdtemp(pattern.data()) != nullptr, "a temporary directory can be made");
  root_ = pattern;
  unsigned port = free_port();
  auto at = [&](unsigned offset) { return "tcp://127.0.0.1:" + std::to_string(port + offset); };
  address_ = at(0);
  daemons_.push_back(start({"gfs-master", "--data", root_ + "/master", "--listen", address_, "--format"}, "master"));
  for (unsigned i = 1; i <= chunkservers; ++i) {
    std::string name = "chunkserver-" + std::to_string(i);
    daemons_.push_back(start({"gfs-chunkserver", "--data", root_ + "/" + name, "--master", address_, "--listen", at(10 * i),
                              "--rack", "r" + std::to_string(i)},
                             name));
  }
  client::Settings settings;
  settings.master = address_;
  client::Blocking client(settings);
  for (int tries = 0;; ++tries) {
    auto servers = client.run<std::vector<bus::ServerInfo>>([](client::Filesystem& fs) { return fs.servers(); });
    std::size_t up = 0;
    if (servers) {
      for (const bus::ServerInfo& server : *servers) up += server.state == "up";
    }
    if (up == chunkservers) return;
    CHECK(tries < 600, "the cluster comes up within a minute");
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
}

Processes::~Processes() {
  for (pid_t daemon : daemons_) kill(daemon, SIGKILL);
  for (pid_t daemon : daemons_) waitpid(daemon, nullptr, 0);
  std::error_code ignored;
  std::filesystem::remove_all(root_, ignored);
}

double Processes::cpu() const {
  double sum = 0;
  for (pid_t daemon : daemons_) sum += cpu_seconds(daemon);
  return sum;
}

pid_t Processes::start(std::vector<std::string> arguments, const std::string& log) {
  std::string program = binaries_ + "/" + arguments[0];
  std::string log_path = root_ + "/" + log + ".log";
  std::vector<char*> pointers;
  for (std::string& argument : arguments) pointers.push_back(argument.data());
  pointers.push_back(nullptr);
  pid_t child = fork();
  CHECK(child >= 0, "fork");
  if (child == 0) {
    int out = open(log_path.c_str(), O_CREAT | O_WRONLY | O_APPEND | O_CLOEXEC, 0644);
    dup2(out, 1);
    dup2(out, 2);
    execv(program.c_str(), pointers.data());
    std::perror(program.c_str());
    _exit(127);
  }
  return child;
}

}  // namespace gfs::bench
