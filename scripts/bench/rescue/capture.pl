# Prints when an initiation of WireGuard (UDP, type 1) arrives from port 51820: milliseconds since the epoch, and its destination port.
# Perl, because Node has no packet sockets, and perl-base is on every Debian machine.
use strict;
use warnings;
use Socket qw(SOCK_DGRAM SOL_SOCKET SO_RCVBUFFORCE);
use Time::HiRes qw(time);

$| = 1;
# AF_PACKET, without the header of the link; ETH_P_IP in network byte order.
socket(my $socket, 17, SOCK_DGRAM, unpack 'S', pack 'n', 0x0800) or die "socket: $!";
setsockopt $socket, SOL_SOCKET, SO_RCVBUFFORCE, 2**24;
print "started\n";
while (defined recv $socket, my $packet, 2048, 0) {
  next if length $packet < 29;
  my ($first, $protocol) = unpack 'Cx8C', $packet;
  next if $protocol != 17;
  my ($from, $to, undef, undef, $type) = unpack 'n4C', substr $packet, 4 * ($first & 15);
  printf "%.3f %d\n", time * 1000, $to if $from == 51820 && $type == 1;
}
