#if MPI
  import CZerothMPI
  import ZerothDistributed
  import ZerothSupport

  /// The processes of a job that a launcher such as `mpirun` started, connected by MPI.
  ///
  /// It may be used by one thread only. If a process exits before ``finish()``, the whole job ends with its status.
  public final class MPICommunicator: Communicator {
    /// The rank of this process, from 0.
    public let rank: Int
    /// The number of processes.
    public let size: Int

    /// Starts MPI. Throws `InputError` where that fails.
    public init() throws(InputError) {
      let error = zeroth_mpi_start()
      guard error == 0 else {
        throw InputError("MPI", found: "error \(error) of MPI_Init_thread", expected: "a launcher such as mpirun")
      }
      rank = Int(zeroth_mpi_rank())
      size = Int(zeroth_mpi_size())
    }

    /// One MPI_Allgather, or MPI_Allgatherv where the counts differ.
    public func allGather(_ own: UnsafeRawBufferPointer, counts: [Int], into all: UnsafeMutableRawBufferPointer) {
      var places: [Int32] = []
      var place = 0
      for count in counts {
        places.append(Int32(place))
        place += count
      }
      zeroth_mpi_all_gather(own.baseAddress, counts.map { Int32($0) }, places, all.baseAddress)
    }

    /// Waits for all ranks, and shuts MPI down.
    public func finish() { zeroth_mpi_finish() }
  }
#endif
