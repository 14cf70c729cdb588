#include "base/log.h"

#include <spdlog/logger.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_sinks.h>

#include <atomic>
#include <chrono>
#include <map>
#include <memory>
#include <mutex>

namespace gfs::log {

namespace {

// Longer values are cut: a line is for people, and a peer must not fill the disk with one.
constexpr std::size_t kValueMax = 4096;
// Event names are few and come from the source; a bound all the same.
constexpr std::size_t kLimitedEventsMax = 4096;

std::atomic<Level> current_level{Level::info};

std::string_view name_of(Level level) {
  switch (level) {
    case Level::debug:
      return "debug";
    case Level::info:
      return "info";
    case Level::warn:
      return "warn";
    case Level::error:
      return "error";
    case Level::off:
      return "off";
  }
  return "unknown";
}

spdlog::level::level_enum spdlog_level(Level level) {
  switch (level) {
    case Level::debug:
      return spdlog::level::debug;
    case Level::info:
      return spdlog::level::info;
    case Level::warn:
      return spdlog::level::warn;
    case Level::error:
      return spdlog::level::err;
    case Level::off:
      return spdlog::level::off;
  }
  return spdlog::level::err;
}

// Never destroyed: threads that end late may still have something to say.
spdlog::logger& logger() {
  static spdlog::logger* const instance = [] {
    auto made = std::make_unique<spdlog::logger>("gfs", std::make_shared<spdlog::sinks::stderr_sink_mt>());
    made->set_level(spdlog::level::trace);  // ours decides
    made->set_formatter(
        std::make_unique<spdlog::pattern_formatter>("%Y-%m-%dT%H:%M:%S.%eZ %v", spdlog::pattern_time_type::utc));
    return made.release();
  }();
  return *instance;
}

bool is_control(unsigned char c) { return c < 0x20 || c == 0x7f; }

void append_value(std::string& line, std::string_view value) {
  bool cut = value.size() > kValueMax;
  if (cut) value = value.substr(0, kValueMax);
  bool plain = !value.empty() && !cut;
  for (std::size_t i = 0; plain && i < value.size(); ++i) {
    auto c = static_cast<unsigned char>(value[i]);
    plain = !is_control(c) && c != ' ' && c != '"' && c != '\\' && c != '=' && c != 0xc2;
  }
  if (plain) {
    line += value;
    return;
  }
  line += '"';
  for (std::size_t i = 0; i < value.size(); ++i) {
    auto c = static_cast<unsigned char>(value[i]);
    // U+0080..U+009F are control characters too, two bytes in UTF-8; terminals obey them.
    bool wide_control = c == 0xc2 && (i + 1 == value.size() || static_cast<unsigned char>(value[i + 1]) < 0xa0);
    if (c == '"' || c == '\\') {
      line += '\\';
      line += value[i];
    } else if (c == '\n') {
      line += "\\n";
    } else if (c == '\t') {
      line += "\\t";
    } else if (c == '\r') {
      line += "\\r";
    } else if (is_control(c) || wide_control) {
      line += fmt::format("\\x{:02x}", c);
      if (wide_control && i + 1 < value.size())
        line += fmt::format("\\x{:02x}", static_cast<unsigned char>(value[++i]));
    } else {
      line += value[i];
    }
  }
  if (cut) line += "...";
  line += '"';
}

void write_line(Level level, std::string_view event, std::initializer_list<Field> fields, std::uint64_t left_out) {
  std::string line(name_of(level));
  line += " event=";
  append_value(line, event);
  for (const Field& field : fields) {
    line += ' ';
    line += field.name;
    line += '=';
    append_value(line, field.value);
  }
  if (left_out > 0) line += fmt::format(" left_out={}", left_out);
  logger().log(spdlog_level(level), spdlog::string_view_t(line.data(), line.size()));
}

}  // namespace

void set_level(Level level) { current_level.store(level, std::memory_order_relaxed); }

Level level() { return current_level.load(std::memory_order_relaxed); }

void write(Level level, std::string_view event, std::initializer_list<Field> fields) {
  if (level < log::level() || level == Level::off) return;
  write_line(level, event, fields, 0);
}

void write_limited(Level level, std::string_view event, std::initializer_list<Field> fields) {
  if (level < log::level() || level == Level::off) return;
  struct Shown {
    std::chrono::steady_clock::time_point last;
    std::uint64_t left_out = 0;
  };
  static std::mutex mutex;
  static auto& events = *new std::map<std::string, Shown, std::less<>>;
  std::uint64_t left_out = 0;
  {
    std::lock_guard guard(mutex);
    auto now = std::chrono::steady_clock::now();
    auto found = events.find(event);
    if (found == events.end()) {
      if (events.size() >= kLimitedEventsMax) return;
      events.emplace(event, Shown{now});
    } else if (now - found->second.last < std::chrono::seconds(1)) {
      ++found->second.left_out;
      return;
    } else {
      left_out = std::exchange(found->second.left_out, 0);
      found->second.last = now;
    }
  }
  write_line(level, event, fields, left_out);
}

}  // namespace gfs::log
