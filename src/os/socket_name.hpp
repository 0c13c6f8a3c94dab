// The place of a bound Unix socket: taking it without stealing it from the living, and giving it back.
// Does not own the socket.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include <tenon/error.hpp>
#include <tenon/os/fd.hpp>
#include <tenon/os/unix_socket.hpp>

namespace tenon::os {

/// The file of a bound socket. The destructor removes it if it is still the same file, which the number of
/// its inode tells for sure only while the socket is open: destroy this first.
class SocketName {
 public:
  /// Binds `socket` to `place`, and listens unless the type is datagram, as UnixListener::listen promises.
  /// Null for an abstract place, which is not a file.
  static Result<std::unique_ptr<SocketName>> take(std::string_view operation, int socket,
                                                  std::string_view place, const UnixListenOptions& options);
  SocketName(const SocketName&) = delete;
  SocketName& operator=(const SocketName&) = delete;
  ~SocketName();

  const std::string& place() const noexcept { return place_; }

 private:
  SocketName(std::string place, Fd folder, std::string name, std::uint64_t device,
             std::uint64_t inode) noexcept
      : place_(std::move(place)),
        folder_(std::move(folder)),
        name_(std::move(name)),
        device_(device),
        inode_(inode) {}
  static Result<std::unique_ptr<SocketName>> take_path(std::string_view operation, int socket,
                                                       std::string_view place,
                                                       const UnixListenOptions& options);
  std::string place_;
  Fd folder_;
  std::string name_;
  std::uint64_t device_, inode_;
};

}  // namespace tenon::os
