"""Every point at which a run can die: does it go on as if nothing had happened?"""
