// Authors of strategies need these two names of the support library, so the core exports them.
@_exported import struct ZerothSupport.InputError
@_exported import func ZerothSupport.require
