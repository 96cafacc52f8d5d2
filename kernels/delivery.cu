// What goes in and out of a captured step, turn by turn.  The turn lies on the device, so that a graph that is launched
// again takes the next row and writes to the next place.
#include "grid.cuh"
#include "storage.cuh"

constexpr int THREADS = 256;

// ring[turn mod places] = source, then turn += 1, by one thread, for source (), ring (places,) and turn ().
template <class T>
__global__ void __launch_bounds__(1) delivery_deliver(
    const T* __restrict__ source, T* __restrict__ ring, unsigned long long* __restrict__ turn, int places) {
    const unsigned long long now = *turn;
    ring[now % places] = *source;
    *turn = now + 1;
}

// y = table[turn mod rows], for table (rows, columns) and y (columns,): the threads of the grid share out the columns.
template <class T>
__global__ void __launch_bounds__(THREADS) delivery_row(
    const T* __restrict__ table, const unsigned long long* __restrict__ turn, T* __restrict__ y, int rows,
    long long columns) {
    const T* row = table + *turn % rows * columns;
    for (long long column = thread_of_grid(); column < columns; column += threads_of_grid()) y[column] = row[column];
}
