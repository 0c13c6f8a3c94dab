#include "os/port_holder.hpp"

#include <netinet/in.h>
#include <sys/stat.h>
#include <algorithm>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>

#include "os/users.hpp"

namespace tenon::os {
namespace {

namespace fs = std::filesystem;

std::string hex(std::uint32_t word, std::size_t digits) {
  static constexpr char alphabet[] = "0123456789ABCDEF";
  std::string text(digits, '0');
  for (auto digit = text.rbegin(); digit != text.rend(); ++digit, word >>= 4) *digit = alphabet[word & 15];
  return text;
}

/// As the kernel's tables show it: the words of the address in the machine's byte order.
std::string table_address(const InetEndpoint& where) {
  std::string text;
  const std::size_t offset =
      where.is_ipv6() ? offsetof(sockaddr_in6, sin6_addr) : offsetof(sockaddr_in, sin_addr);
  for (std::size_t i = 0; i < (where.is_ipv6() ? 4U : 1U); ++i) {
    std::uint32_t word = 0;
    std::memcpy(&word, static_cast<const std::byte*>(where.data()) + offset + i * sizeof word, sizeof word);
    text += hex(word, 8);
  }
  return text;
}

bool is_everywhere(std::string_view address) noexcept {
  return std::ranges::all_of(address, [](char c) { return c == '0'; });
}

constexpr std::string_view listening = "0A";  // TCP_LISTEN
constexpr std::string_view unconnected =
    "07";  // TCP_CLOSE, which is also that of a UDP socket without a peer

struct Entry {
  unsigned user = 0;
  std::string inode;
};

/// The socket in one of the kernel's tables that keeps `where` from being bound.
std::optional<Entry> find_in(const char* table, const InetEndpoint& where, std::string_view wanted_state,
                             std::string_view except = {}) {
  const std::string ours = table_address(where);
  const std::string port = ":" + hex(where.port(), 4);
  std::ifstream file(table);
  std::string line;
  std::getline(file, line);  // the heading
  while (std::getline(file, line)) {
    std::istringstream columns(line);
    std::string number, local, remote, state, queues, timer, retransmits, timeout;
    Entry entry;
    columns >> number >> local >> remote >> state >> queues >> timer >> retransmits >> entry.user >>
        timeout >> entry.inode;
    if (!columns || !local.ends_with(port) || state != wanted_state || entry.inode == except) continue;
    local.resize(local.size() - port.size());
    if (local == ours || is_everywhere(local) || is_everywhere(ours)) return entry;
  }
  return std::nullopt;
}

bool holds(const fs::path& process, const std::string& link) {
  std::error_code problem;
  for (fs::directory_iterator fd(process / "fd", problem), end; !problem && fd != end;
       fd.increment(problem)) {
    std::error_code gone;
    if (fs::read_symlink(fd->path(), gone) == link) return true;
  }
  return false;
}

std::string holder_of(const std::string& inode) {
  const int pid = process_with_socket(inode);
  if (pid == 0) return {};
  const std::string number = std::to_string(pid);
  std::string name;
  std::getline(std::ifstream("/proc/" + number + "/comm"), name);
  return "process " + number + " (" + name + ")";
}

}  // namespace

int process_with_socket(std::string_view inode) {
  const std::string link = "socket:[" + std::string(inode) + "]";
  std::error_code problem;
  for (fs::directory_iterator entry("/proc", problem), end; !problem && entry != end;
       entry.increment(problem)) {
    const std::string name = entry->path().filename();
    if (!std::ranges::all_of(name, [](char c) { return c >= '0' && c <= '9'; })) continue;
    int pid = 0;
    if (holds(entry->path(), link) &&
        std::from_chars(name.data(), name.data() + name.size(), pid).ptr != name.data())
      return pid;
  }
  return 0;
}

std::string describe_port_holder(const InetEndpoint& where, Transport transport) {
  const bool tcp = transport == Transport::tcp;
  const std::string_view state = tcp ? listening : unconnected;
  auto found = find_in(tcp ? "/proc/self/net/tcp" : "/proc/self/net/udp", where, state);
  if (!found || where.is_ipv6())
    if (auto six = find_in(tcp ? "/proc/self/net/tcp6" : "/proc/self/net/udp6", where, state)) found = six;
  if (!found) return {};
  const std::string holder = holder_of(found->inode);
  return holder.empty() ? "a process of " + describe_user(found->user) : holder;
}

bool is_port_shared(int fd, const InetEndpoint& where) {
  struct stat status{};
  if (::fstat(fd, &status) != 0) return true;
  const std::string ours = std::to_string(status.st_ino);
  return find_in("/proc/self/net/udp", where, unconnected, ours) ||
         find_in("/proc/self/net/udp6", where, unconnected, ours);
}

}  // namespace tenon::os
