// Who has a TCP or UDP port of this machine, for the text of an error. proc_pid_net(5), proc_pid_fd(5).
#pragma once

#include <string>
#include <string_view>

#include <tenon/os/inet_endpoint.hpp>

#include "os/socket_inet.hpp"

namespace tenon::os {

/// "process 812 (postgres)" where one of the processes that we may look into listens (UDP: is bound) there,
/// "a process of postgres (uid 70)" where only the user is known, empty where nothing is.
std::string describe_port_holder(const InetEndpoint& where, Transport transport);

/// The process that has the socket with this number, if it is one that we may look into; otherwise 0.
int process_with_socket(std::string_view inode);

/// Whether another UDP socket than `fd`, which is bound to `where`, takes what strangers send there.
bool is_port_shared(int fd, const InetEndpoint& where);

}  // namespace tenon::os
