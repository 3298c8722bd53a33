# Forges ICMP "port unreachable" and "prohibited" about a probe's packets, until it is killed. Perl, because Node has no
# raw sockets, and perl-base is on every Debian machine.
#   forger.pl known|guessed PORT ADDRESS [PROC]
# ADDRESS is the anycast address that the probe sends to, and from. known: the ports are read from PROC/net/udp or udp6,
# as any user of the node can; guessed: all ephemeral ports, one after the other.
use strict;
use warnings;
use Socket qw(AF_INET AF_INET6 SOCK_RAW inet_pton pack_sockaddr_in pack_sockaddr_in6);

my ($mode, $port, $address, $proc) = @ARGV;
my $is6 = $address =~ /:/;
my $raw = inet_pton($is6 ? AF_INET6 : AF_INET, $address);
socket(my $socket, $is6 ? AF_INET6 : AF_INET, SOCK_RAW, $is6 ? 58 : 1) or die "socket: $!";
my $to = $is6 ? pack_sockaddr_in6(0, $raw) : pack_sockaddr_in(0, $raw);

sub sum16 {
  my ($bytes) = @_;
  my $sum = 0;
  $sum += $_ for unpack('n*', $bytes);
  $sum = ($sum & 0xffff) + ($sum >> 16) while $sum >> 16;
  return ~$sum & 0xffff;
}

sub forge {
  my ($source, $is_port) = @_;
  my $udp = pack('n4', $source, $port, 156, 0);
  if ($is6) {
    my $quoted = pack('NnCC', 6 << 28, 156, 17, 64) . $raw . $raw . $udp;
    # The kernel fills in ICMPv6's checksum.
    return pack('CCnN', 1, $is_port ? 4 : 1, 0, 0) . $quoted;
  }
  my $quoted = pack('CCnnnCCn', 0x45, 0, 176, 0, 0, 64, 17, 0) . $raw . $raw . $udp;
  my $code = $is_port ? 3 : 10;
  my $sum = sum16(pack('CCnN', 3, $code, 0, 0) . $quoted);
  return pack('CCnN', 3, $code, $sum, 0) . $quoted;
}

# The ports of sockets that are connected to the endpoint.
sub read_ports {
  my $hex = sprintf '%04X', $port;
  open my $table, '<', "$proc/net/" . ($is6 ? 'udp6' : 'udp') or die "$proc: $!";
  return map { /^\s*\d+: [0-9A-F]+:([0-9A-F]{4}) [0-9A-F]+:$hex / ? hex $1 : () } <$table>;
}

# Some 20,000 packets a second, in bursts: at full speed it would take a processor, and the endpoint would be late.
my $burst = 40;
$| = 1;
my $sent = 0;
my $printed = time;

sub send_about {
  my ($source) = @_;
  for my $packet (forge($source, 1), forge($source, 0)) {
    $sent++ if defined send $socket, $packet, 0, $to;
    next if $sent % $burst;
    select undef, undef, undef, 0.002;
  }
}

for (;;) {
  my @ports = $mode eq 'known' ? read_ports() : 32768 .. 60999;
  send_about($_) for @ports;
  # A new port is seen within a millisecond.
  select undef, undef, undef, 0.0005 if $mode eq 'known';
  next if time == $printed;
  $printed = time;
  print "$sent\n";
}
